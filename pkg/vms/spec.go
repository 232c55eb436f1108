package vms

import "net/netip"

// Spec is a VM as it should be. The zero value of a field that is not required means
// what its comment says.
type Spec struct {
	Name    string // a DNS name
	ID      int    // 100 and up
	Cores   int
	Memory  int // MiB
	Balloon int // MiB that the VM keeps at least; 0 means no ballooning

	CPU     string // default "host"
	Machine string // default "q35"
	BIOS    string // default "seabios"; ovmf needs EFIStorage
	OSType  string // default "l26"
	SCSI    string // controller, default "virtio-scsi-single"

	EFIStorage string // where the EFI variables are kept
	Disks      []Disk // the first one is the boot disk
	NICs       []NIC  // net0 and up
	CloudInit  *CloudInit
	Boot       []string // devices in their order; default: the boot disk
	Tags       []string // beside our own
	Agent      bool     // the guest runs qemu-guest-agent
	Serial     bool     // serial0 is a socket: the console of a guest without a screen
	// Description is shown in Proxmox. Empty: whatever is there stays.
	Description string
	OnBoot      bool // the VM is started when the node has booted
	// Startup is the VM's place among those. It needs Sys.Modify on "/", which nothing
	// else here does. Nil: whatever is there stays.
	Startup *Startup
	// Off keeps a new VM off. Whether a VM that is there runs is not the Spec's.
	Off bool
}

// Disk is a drive with a volume of its own.
type Disk struct {
	Slot    string // default scsi0, scsi1 … by its place
	Storage string
	Size    int // GiB
	// Image is the volume that the disk is imported from, such as
	// local:import/debian.qcow2. Empty: the disk is new and blank.
	Image string
	// Plain leaves out what Proxmox recommends on flash with virtio-scsi: discard,
	// ssd and an I/O thread.
	Plain bool
}

// NIC is a network card.
type NIC struct {
	Bridge string
	MAC    string // a unicast address
	Model  string // default "virtio"
	VLAN   int    // 0: none
	MTU    int    // 0: the guest's own default
}

// CloudInit is what a guest is told at its boots.
type CloudInit struct {
	Storage   string   // where the drive is made
	Slot      string   // default "ide2"
	User      string   // default: the image's own
	SSHKeys   []string // one public key each
	Addresses []IP     // of net0 and up
	Resolvers []netip.Addr
	Domain    string // search domain
	// Upgrade lets the guest upgrade its packages at its first boot.
	Upgrade bool
	// Custom replaces the parts user, network, meta and vendor by snippets, such as
	// local:snippets/teleport-3fa9.yaml. Only the name can be compared: a new content
	// needs a new name.
	Custom map[string]string
}

// IP is the address of one card. The zero value gives it none.
type IP struct {
	Address netip.Prefix
	Gateway netip.Addr // inside or outside the prefix; an on-link route needs Custom
	DHCP    bool
}

// Startup is a VM's place when the node starts and stops its VMs.
type Startup struct {
	Order    int
	Up, Down int // seconds to wait after the start, and for the stop; 0: Proxmox's own
}

// filled is the Spec with its defaults.
func (s Spec) filled() Spec {
	or(&s.CPU, "host")
	or(&s.Machine, "q35")
	or(&s.BIOS, "seabios")
	or(&s.OSType, "l26")
	or(&s.SCSI, "virtio-scsi-single")
	s.Disks = append([]Disk(nil), s.Disks...)
	for i := range s.Disks {
		or(&s.Disks[i].Slot, numbered("scsi", i))
	}
	s.NICs = append([]NIC(nil), s.NICs...)
	for i := range s.NICs {
		or(&s.NICs[i].Model, "virtio")
	}
	if s.CloudInit != nil {
		ci := *s.CloudInit
		or(&ci.Slot, "ide2")
		s.CloudInit = &ci
	}
	if len(s.Boot) == 0 && len(s.Disks) > 0 {
		s.Boot = []string{s.Disks[0].Slot}
	}
	return s
}

// images are the volumes that the disks are imported from, by slot.
func (s Spec) images() map[string]string {
	all := map[string]string{}
	for _, disk := range s.Disks {
		if disk.Image != "" {
			all[disk.Slot] = disk.Image
		}
	}
	return all
}
