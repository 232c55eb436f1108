package platform

import "net/netip"

// Facts is what was seen of a host, for a proposal. What could not be seen is
// the zero value. It is the daemon's answer to waddle init, hence the JSON names.
type Facts struct {
	Node           string        `json:"node"`                     // short host name
	Threads        int           `json:"threads"`                  // CPUs that the kernel schedules on
	MemoryBytes    int64         `json:"memoryBytes"`              // MemTotal, a little less than what is plugged in
	Disks          []DiskFact    `json:"disks,omitempty"`          // what is plugged in
	IPv6           bool          `json:"ipv6"`                     // the kernel speaks IPv6
	Links          []LinkFact    `json:"links,omitempty"`          // network devices with their addresses
	Uplink         *UplinkFact   `json:"uplink,omitempty"`         // where the default route leaves; nil without one
	Pools          []string      `json:"pools,omitempty"`          // imported ZFS pools
	Storages       []StorageFact `json:"storages,omitempty"`       // Proxmox storages that this node may use
	SSHPorts       []int         `json:"sshPorts,omitempty"`       // where sshd is reached
	AuthorizedKeys []string      `json:"authorizedKeys,omitempty"` // lines of /root/.ssh/authorized_keys
}

// DiskFact is a block device.
type DiskFact struct {
	Name  string `json:"name"`
	Model string `json:"model,omitempty"`
	Bytes int64  `json:"bytes"`
}

// LinkFact is a network device with the addresses that reach beyond the link.
type LinkFact struct {
	Name      string         `json:"name"`
	MAC       string         `json:"mac,omitempty"`
	Bridge    bool           `json:"bridge"`
	Ports     []string       `json:"ports,omitempty"` // of a bridge
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// UplinkFact is where the default route leaves.
type UplinkFact struct {
	Link     string     `json:"link"`
	Gateway4 netip.Addr `json:"gateway4,omitzero"`
	Gateway6 netip.Addr `json:"gateway6,omitzero"`
}

// StorageFact is a Proxmox storage.
type StorageFact struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`              // "dir", "zfspool", "lvmthin", …
	Content []string `json:"content,omitempty"` // "images", "import", "snippets", …
	Dataset string   `json:"dataset,omitempty"` // of a zfspool
}

// link returns the named device, or nil.
func (f *Facts) link(name string) *LinkFact {
	for i := range f.Links {
		if f.Links[i].Name == name {
			return &f.Links[i]
		}
	}
	return nil
}

// first returns the device's first address of a family.
func (l *LinkFact) first(v4 bool) (netip.Prefix, bool) {
	for _, a := range l.Addresses {
		if a.Addr().Is4() == v4 {
			return a, true
		}
	}
	return netip.Prefix{}, false
}
