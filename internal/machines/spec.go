package machines

import (
	"fmt"
	"net/netip"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/vms"
)

// bootDisk is the slot of the disk that is made of the image.
const bootDisk = "scsi0"

// teleportSpec is the Teleport VM (plan: Phase 2, step 1), made of the image that a
// volume holds. Its network is a snippet: the gateway of a flexible IP is outside
// every network that the VM is in, which Proxmox's own fields cannot say.
func teleportSpec(p *platform.Platform, image string) vms.Spec {
	m := p.Spec.TeleportVM()
	s := machineSpec(p, m, image, "teleport")
	keys := make([]string, len(p.Spec.Host.SSH.AuthorizedKeys))
	for i, k := range p.Spec.Host.SSH.AuthorizedKeys {
		keys[i] = string(k)
	}
	s.CloudInit.User, s.CloudInit.SSHKeys = "ops", keys
	s.CloudInit.Custom = map[string]string{}
	for _, snip := range teleportSnippets(p) {
		s.CloudInit.Custom[snip.part] = string(p.Spec.Host.Storages.Snippets) + ":snippets/" + snip.name
	}
	return s
}

// nodeSpecs are the Talos nodes (plan: Phase 4, step 3), with the addresses that
// they answer on before they have a machine configuration.
func nodeSpecs(p *platform.Platform, image string) []vms.Spec {
	internal := p.Spec.Network.Internal
	var all []vms.Spec
	for _, m := range p.Spec.Nodes() {
		s := machineSpec(p, m, image, "talos")
		s.CloudInit.Addresses = []vms.IP{{Address: netip.PrefixFrom(m.Address, internal.CIDR.Bits()), Gateway: internal.Address}}
		s.CloudInit.Resolvers = p.Spec.Network.Resolvers
		all = append(all, s)
	}
	return all
}

func machineSpec(p *platform.Platform, m platform.Machine, image, tag string) vms.Spec {
	storages := p.Spec.Host.Storages
	s := vms.Spec{
		Name: string(m.Name), ID: int(m.ID), Cores: int(m.Cores), Memory: int(m.Memory / platform.MiB),
		Disks:     []vms.Disk{{Slot: bootDisk, Storage: string(storages.Disks), Size: int(m.Disk / platform.GiB), Image: image}},
		CloudInit: &vms.CloudInit{Storage: string(storages.Disks)},
		Tags:      []string{tag}, Agent: true, Serial: true, OnBoot: true,
		Description: fmt.Sprintf("%s of the platform %s, kept by waddled", m.Name, p.Metadata.Name),
	}
	for _, nic := range m.NICs {
		s.NICs = append(s.NICs, vms.NIC{Bridge: string(nic.Bridge), MAC: nic.MAC.String()})
	}
	return s
}

// Specs are all VMs of the platform, the Teleport VM first, as they are made: with
// the volumes of their images.
func Specs(p *platform.Platform) ([]vms.Spec, error) {
	image, err := debian(p).volume(p)
	if err != nil {
		return nil, err
	}
	nodes, err := talos(p).volume(p)
	return append([]vms.Spec{teleportSpec(p, image)}, nodeSpecs(p, nodes)...), err
}
