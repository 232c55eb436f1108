package vms

// Privilege is something that the driver's token has to be allowed.
type Privilege struct {
	Path string // of the ACL, with propagation: /vms, /storage, /sdn/zones or /
	Name string // of the privilege
	For  string // what cannot be done without it
	// Beside: only a Spec with Startup, or Clone, needs it.
	Beside bool
}

// Privileges are those that the driver's calls need, and no more.
func Privileges() []Privilege {
	return []Privilege{
		{Path: "/vms", Name: "VM.Allocate", For: "making and deleting VMs"},
		{Path: "/vms", Name: "VM.Audit", For: "looking at VMs"},
		{Path: "/vms", Name: "VM.Clone", For: "copying VMs", Beside: true},
		{Path: "/vms", Name: "VM.Config.CPU", For: "cores and CPU type"},
		{Path: "/vms", Name: "VM.Config.CDROM", For: "the cloud-init drive"},
		{Path: "/vms", Name: "VM.Config.Cloudinit", For: "the cloud-init drive and what is on it"},
		{Path: "/vms", Name: "VM.Config.Disk", For: "disks and their sizes"},
		{Path: "/vms", Name: "VM.Config.HWType", For: "machine, SMBIOS UUID, SCSI controller, serial console"},
		{Path: "/vms", Name: "VM.Config.Memory", For: "memory"},
		{Path: "/vms", Name: "VM.Config.Network", For: "network cards"},
		{Path: "/vms", Name: "VM.Config.Options", For: "name, tags, start at boot"},
		{Path: "/vms", Name: "VM.GuestAgent.Unrestricted", For: "the guest agent: addresses, commands, files"},
		{Path: "/vms", Name: "VM.PowerMgmt", For: "starting and stopping VMs"},
		{Path: "/vms", Name: "VM.Snapshot", For: "snapshots"},
		{Path: "/storage", Name: "Datastore.AllocateSpace", For: "disks, and reading images"},
		// Proxmox leaves out of its lists what the token may not see, and refuses nothing.
		{Path: "/storage", Name: "Datastore.Allocate", For: "seeing the disks that an earlier VM left under a number"},
		{Path: "/sdn/zones", Name: "SDN.Use", For: "connecting cards to bridges"},
		{Path: "/", Name: "Sys.Modify", For: "the order in which VMs start", Beside: true},
	}
}
