package platform

import "fmt"

// Host is the Proxmox VE host (plan: Infrastructure).
type Host struct {
	// Name of the node in Proxmox VE, which is the host's short host name.
	Node Label `json:"node"`
	// ZFS pool of the installation.
	Pool Pool `json:"pool"`
	// Dataset under which Proxmox VE keeps VM disks. Default: POOL/data.
	VMDataset Dataset `json:"vmDataset"`
	// Proxmox storages that waddled uses.
	Storages Storages `json:"storages"`
	// CPU threads of the host.
	Cores Cores `json:"cores"`
	// Memory that is built into the host.
	Memory Size `json:"memory"`
	// Usable size of the pool.
	Disk Size `json:"disk"`
	// What the VMs must leave to the host.
	Reserved Reserved `json:"reserved"`
	// How administrators reach the host.
	SSH SSH `json:"ssh"`
}

// Storages names the Proxmox storages for each kind of content.
type Storages struct {
	// Storage for VM images; its content types must include import.
	Images StorageID `json:"images"`
	// Storage for cloud-init snippets; its content types must include snippets.
	Snippets StorageID `json:"snippets"`
	// Storage for VM disks; its content types must include images.
	Disks StorageID `json:"disks"`
}

// Reserved is what the VMs must leave to the host.
type Reserved struct {
	// Memory for Proxmox VE, ZFS and waddled (plan: 6 GB remain for the host).
	Memory Size `json:"memory"`
	// Disk for the host's own system.
	Disk Size `json:"disk"`
}

// SSH is the host's SSH server.
type SSH struct {
	// Port on which sshd listens.
	Port Port `json:"port"`
	// Public keys that may log in as root. At least one; passwords are switched off in phase 0.
	AuthorizedKeys []SSHKey `json:"authorizedKeys" platform:"required"`
}

func (h *Host) fill() {
	or(&h.Node, "pve")
	or(&h.Pool, "rpool")
	or(&h.VMDataset, Dataset(h.Pool)+"/data")
	or(&h.Storages.Images, "local")
	or(&h.Storages.Snippets, "local")
	or(&h.Storages.Disks, "local-zfs")
	or(&h.Cores, 12)
	or(&h.Memory, 32*GiB)
	or(&h.Disk, 930*GiB)
	or(&h.Reserved.Memory, 6*GiB)
	or(&h.Reserved.Disk, 32*GiB)
	or(&h.SSH.Port, 22)
}

func (h *Host) check(f *faults) {
	if !h.VMDataset.under(Dataset(h.Pool)) {
		f.add("spec.host.vmDataset", fmt.Sprintf("%s is not in the pool %s, which {other} says", h.VMDataset, h.Pool),
			"a dataset below "+string(h.Pool), "spec.host.pool")
	}
	if len(h.SSH.AuthorizedKeys) > 64 {
		f.add("spec.host.ssh.authorizedKeys", fmt.Sprintf("lists %d keys", len(h.SSH.AuthorizedKeys)), "at most 64 keys")
	}
	unique(f, "is the same key as {other}", "each key once", f.each("spec.host.ssh.authorizedKeys", len(h.SSH.AuthorizedKeys)),
		func(i int) string { return h.SSH.AuthorizedKeys[i].blob() })
}

// under reports whether d is a dataset below parent.
func (d Dataset) under(parent Dataset) bool {
	return len(d) > len(parent)+1 && d[:len(parent)] == parent && d[len(parent)] == '/'
}
