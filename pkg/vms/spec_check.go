package vms

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
)

var (
	vmName     = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
	diskSlot   = regexp.MustCompile(`^(scsi([0-9]|[12][0-9]|30)|virtio([0-9]|1[0-5])|sata[0-5]|ide[0-3])$`)
	storageID  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]$`)
	volumeID   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]:[^\s,:]+$`)
	bridgeName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$`)
	tagName    = regexp.MustCompile(`^[a-z0-9_][a-z0-9_+.-]*$`)
	plainWord  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._+-]*$`)
)

// Check returns what is wrong with the Spec itself, all of it at once.
func (s Spec) Check() error {
	faults := s.filled().faults()
	if len(faults) == 0 {
		return nil
	}
	return fail(KindInvalid, nil, "correct what is declared", "cannot make VM %s as it is declared: %s", or2(s.Name, fmt.Sprint(s.ID)), strings.Join(faults, "; "))
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type faults []string

func (f *faults) unless(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

func (f *faults) oneOf(what, word, all string) {
	f.unless(slices.Contains(strings.Fields(all), word), "the %s %q is none of %s", what, word, all)
}

func (s Spec) faults() []string {
	var f faults
	f.unless(vmName.MatchString(s.Name) && len(s.Name) <= 253, "the name %q is no DNS name", s.Name)
	f.unless(s.ID >= 100 && s.ID <= 999999999, "the number %d is not between 100 and 999999999", s.ID)
	f.unless(s.Cores >= 1 && s.Cores <= 1024, "it has %d cores", s.Cores)
	f.unless(s.Memory >= 16, "it has %d MiB of memory, and the least is 16", s.Memory)
	f.unless(s.Balloon >= 0 && s.Balloon <= s.Memory, "the balloon of %d MiB is larger than the memory", s.Balloon)
	f.unless(plainWord.MatchString(s.CPU), "the CPU type %q is none", s.CPU)
	f.unless(plainWord.MatchString(s.Machine), "the machine %q is none", s.Machine)
	f.oneOf("BIOS", s.BIOS, "seabios ovmf")
	f.oneOf("OS type", s.OSType, "other wxp w2k w2k3 w2k8 wvista win7 win8 win10 win11 l24 l26 solaris")
	f.oneOf("SCSI controller", s.SCSI, "lsi lsi53c810 virtio-scsi-pci virtio-scsi-single megasas pvscsi")
	f.unless(s.BIOS != "ovmf" || s.EFIStorage != "", "its BIOS is ovmf and no storage keeps the EFI variables")
	f.unless(s.EFIStorage == "" || storageID.MatchString(s.EFIStorage), "the storage %q of the EFI variables is none", s.EFIStorage)
	f.unless(len(s.Description) <= 8192, "the description is longer than 8192 characters")
	for _, tag := range s.Tags {
		f.unless(tagName.MatchString(tag), "the tag %q is none: lower case letters, digits, _ + . -", tag)
	}
	s.checkDisks(&f)
	s.checkNICs(&f)
	s.checkCloudInit(&f)
	slices.Sort(f)
	return f
}

func (s Spec) checkDisks(f *faults) {
	f.unless(len(s.Disks) > 0, "it has no disk")
	seen := map[string]bool{}
	for _, disk := range s.Disks {
		f.unless(diskSlot.MatchString(disk.Slot), "there is no slot %q for a disk", disk.Slot)
		f.unless(!seen[disk.Slot], "two disks are in %s", disk.Slot)
		f.unless(storageID.MatchString(disk.Storage), "%s has the storage %q", disk.Slot, disk.Storage)
		f.unless(disk.Size >= 1, "%s has %d GiB", disk.Slot, disk.Size)
		f.unless(disk.Image == "" || volumeID.MatchString(disk.Image), "the image %q of %s is no volume, such as local:import/debian.qcow2", disk.Image, disk.Slot)
		seen[disk.Slot] = true
	}
	for _, dev := range s.Boot {
		nic := strings.HasPrefix(dev, "net") && slices.Contains(s.cards(), dev)
		f.unless(seen[dev] || nic, "%s is in the boot order and is no device of the VM", dev)
	}
}

// cards are the names of the cards: net0, net1 …
func (s Spec) cards() []string {
	var all []string
	for i := range s.NICs {
		all = append(all, numbered("net", i))
	}
	return all
}

func (s Spec) checkNICs(f *faults) {
	seen := map[string]int{}
	for i, nic := range s.NICs {
		mac, err := net.ParseMAC(nic.MAC)
		f.unless(err == nil && len(mac) == 6 && mac[0]&1 == 0, "net%d has the MAC %q, which is no unicast address", i, nic.MAC)
		f.unless(bridgeName.MatchString(nic.Bridge), "net%d is on the bridge %q", i, nic.Bridge)
		f.oneOf(fmt.Sprintf("model of net%d", i), nic.Model, "virtio e1000 e1000e rtl8139 vmxnet3")
		f.unless(nic.VLAN >= 0 && nic.VLAN <= 4094, "net%d has the VLAN %d", i, nic.VLAN)
		f.unless(nic.MTU == 0 || nic.MTU >= 576 && nic.MTU <= 65520, "net%d has the MTU %d", i, nic.MTU)
		if other, twice := seen[mac.String()]; twice && err == nil {
			f.unless(false, "net%d and net%d have the same MAC %s", other, i, nic.MAC)
		}
		seen[mac.String()] = i
	}
}

func (s Spec) checkCloudInit(f *faults) {
	ci := s.CloudInit
	if ci == nil {
		return
	}
	f.unless(storageID.MatchString(ci.Storage), "cloud-init has the storage %q", ci.Storage)
	f.unless(diskSlot.MatchString(ci.Slot), "there is no slot %q for the cloud-init drive", ci.Slot)
	f.unless(!slices.ContainsFunc(s.Disks, func(d Disk) bool { return d.Slot == ci.Slot }), "cloud-init and a disk are in %s", ci.Slot)
	f.unless(len(ci.Addresses) <= len(s.NICs), "there are %d addresses for %d cards", len(ci.Addresses), len(s.NICs))
	f.unless(ci.User == "" || plainWord.MatchString(ci.User), "the user %q is none", ci.User)
	for i, ip := range ci.Addresses {
		f.unless(!ip.Gateway.IsValid() || ip.Address.IsValid(), "net%d has a gateway and no address", i)
		f.unless(!ip.DHCP || !ip.Address.IsValid(), "net%d has an address and DHCP", i)
		f.unless(!ip.Gateway.IsValid() || !ip.Address.IsValid() || ip.Gateway.Is4() == ip.Address.Addr().Is4(), "net%d has an address and a gateway of different families", i)
	}
	for _, key := range ci.SSHKeys {
		f.unless(strings.TrimSpace(key) != "" && !strings.ContainsAny(key, "\n\r"), "an SSH key is empty or more than one line")
	}
	for part, volume := range ci.Custom {
		f.unless(slices.Contains([]string{"user", "network", "meta", "vendor"}, part), "cloud-init has no part %q", part)
		f.unless(volumeID.MatchString(volume), "the snippet %q of %s is no volume, such as local:snippets/a.yaml", volume, part)
	}
}
