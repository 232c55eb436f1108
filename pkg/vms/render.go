package vms

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	proxmox "github.com/luthermonson/go-proxmox"
)

// create is the body that makes the VM.
func (s Spec) create(tag, uuid string) map[string]any {
	body := map[string]any{"vmid": s.ID, "smbios1": "uuid=" + uuid}
	for _, opt := range s.options(tag) {
		if opt.want != "" && opt.want != opt.absent {
			body[opt.name] = opt.want
		}
	}
	for _, disk := range s.Disks {
		body[disk.Slot] = disk.create()
	}
	if s.EFIStorage != "" {
		body["efidisk0"] = s.efi()
	}
	if s.CloudInit != nil {
		body[s.CloudInit.Slot] = s.CloudInit.Storage + ":cloudinit"
	}
	return body
}

func (s Spec) efi() string { return s.EFIStorage + ":1,efitype=4m,pre-enrolled-keys=0" }

// create is the drive that makes the disk: an import, in Proxmox's special syntax
// with size 0, or a blank volume of so many GiB.
func (disk Disk) create() string {
	p := disk.flags()
	p["file"] = fmt.Sprintf("%s:%d", disk.Storage, disk.Size)
	if disk.Image != "" {
		p["file"], p["import-from"] = disk.Storage+":0", disk.Image
	}
	return p.print("file")
}

// flags are the options that the bus of the disk knows.
func (disk Disk) flags() props {
	p := props{}
	if disk.Plain {
		return p
	}
	p["discard"] = "on"
	if !strings.HasPrefix(disk.Slot, "virtio") {
		p["ssd"] = "1"
	}
	if strings.HasPrefix(disk.Slot, "virtio") || strings.HasPrefix(disk.Slot, "scsi") {
		p["iothread"] = "1"
	}
	return p
}

func (nic NIC) print() string {
	p := props{"bridge": nic.Bridge}
	if nic.VLAN > 0 {
		p["tag"] = strconv.Itoa(nic.VLAN)
	}
	if nic.MTU > 0 {
		p["mtu"] = strconv.Itoa(nic.MTU)
	}
	return nic.Model + "=" + strings.ToUpper(nic.MAC) + "," + p.print("")
}

func (ip IP) print() string {
	v4, v6 := "ip", "gw"
	if ip.Address.IsValid() && !ip.Address.Addr().Is4() {
		v4, v6 = "ip6", "gw6"
	}
	p := props{}
	switch {
	case ip.DHCP:
		p["ip"] = "dhcp"
	case ip.Address.IsValid():
		p[v4] = ip.Address.String()
	}
	if ip.Gateway.IsValid() {
		p[v6] = ip.Gateway.String()
	}
	return p.print("")
}

func (s *Startup) print() string {
	text := fmt.Sprintf("order=%d", s.Order)
	if s.Up > 0 {
		text += fmt.Sprintf(",up=%d", s.Up)
	}
	if s.Down > 0 {
		text += fmt.Sprintf(",down=%d", s.Down)
	}
	return text
}

func (ci *CloudInit) resolvers() string {
	var all []string
	for _, r := range ci.Resolvers {
		all = append(all, r.String())
	}
	return strings.Join(all, " ")
}

func (ci *CloudInit) keys() string {
	if len(ci.SSHKeys) == 0 {
		return ""
	}
	keys := make([]string, len(ci.SSHKeys))
	for i, key := range ci.SSHKeys {
		keys[i] = strings.TrimSpace(key)
	}
	return proxmox.EncodeSSHKeys(keys...)
}

func (s Spec) tags(own string) string {
	all := append([]string{own}, s.Tags...)
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ";")
}

func bit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func custom(parts map[string]string) string { return props(maps.Clone(parts)).print("") }
