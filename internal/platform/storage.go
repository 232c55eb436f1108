package platform

import (
	"fmt"
	"net/netip"
)

// Storage is the volumes of the cluster (plan: Storage Architecture).
type Storage struct {
	// Dataset under which democratic-csi's zvols are made. Default: POOL/k8s-csi.
	Dataset Dataset `json:"dataset"`
	// Limit of all volumes together (ZFS quota). Default: no limit but the pool's size.
	Quota Size `json:"quota,omitempty"`
	// How much the sizes of all volumes together may be, in percent of what the dataset can hold. Volumes are thin: above 100 the cluster is promised space that is not there, and file systems break when it runs out.
	Overcommit Percent `json:"overcommit"`
	// How many volumes there may be, snapshots not counted.
	MaxVolumes Count `json:"maxVolumes"`
	// Driver of democratic-csi.
	Driver CSIDriver `json:"driver"`
	// Address on which iSCSI targets are served. Default: the host's internal address and port 3260.
	Portal netip.AddrPort `json:"portal"`
	// Base of the targets' names.
	IQNBase IQN `json:"iqnBase"`
	// Whether initiators prove who they are.
	CHAP CHAP `json:"chap"`
	// Port on the host's internal address where democratic-csi finds waddled's confined SSH endpoint.
	EndpointPort Port `json:"endpointPort"`
}

// CSIDriver is a driver of democratic-csi.
type CSIDriver string

func (CSIDriver) rule() rule { return oneOf("zfs-generic-iscsi") }

// CHAP is how iSCSI initiators and targets authenticate (RFC 7143, 12.1.3).
type CHAP string

// The kinds of CHAP.
const (
	NoCHAP     CHAP = "none"
	OneWayCHAP CHAP = "oneWay" // the node proves itself to the host
	MutualCHAP CHAP = "mutual" // and the host to the node
)

func (CHAP) rule() rule { return oneOf(string(NoCHAP), string(OneWayCHAP), string(MutualCHAP)) }

const portalPath = "spec.storage.portal"

func (s *Storage) fill(h *Host, n *Network) {
	or(&s.Dataset, Dataset(h.Pool)+"/k8s-csi")
	or(&s.Driver, "zfs-generic-iscsi")
	or(&s.Portal, netip.AddrPortFrom(n.Internal.Address, 3260))
	or(&s.IQNBase, "iqn.2026-01.social.waddle")
	or(&s.CHAP, NoCHAP)
	or(&s.Overcommit, 100)
	or(&s.MaxVolumes, 2048)
	or(&s.EndpointPort, 2222)
}

func (s *Storage) check(h *Host, n *Network, f *faults) {
	const path = "spec.storage.dataset"
	if !s.Dataset.under(Dataset(h.Pool)) {
		f.add(path, fmt.Sprintf("%s is not in the pool %s, which {other} says", s.Dataset, h.Pool), "a dataset below "+string(h.Pool), "spec.host.pool")
	}
	if root := Dataset(h.Pool) + "/ROOT"; s.Dataset == root || s.Dataset.under(root) {
		f.add(path, string(s.Dataset)+" holds the host's operating system", "a dataset of its own, e.g. "+string(h.Pool)+"/k8s-csi", "spec.host.pool")
	}
	if s.Dataset == h.VMDataset || s.Dataset.under(h.VMDataset) || h.VMDataset.under(s.Dataset) {
		f.clash(path, "spec.host.vmDataset", fmt.Sprintf("%s and %s share volumes and VM disks: also {other}", s.Dataset, h.VMDataset), "two datasets, neither inside the other")
	}
	if s.Portal.IsValid() && s.Portal.Addr() != n.Internal.Address {
		f.add(portalPath, fmt.Sprintf("%s is not the host's internal address %s, which {other} says", s.Portal.Addr(), n.Internal.Address),
			netip.AddrPortFrom(n.Internal.Address, s.Portal.Port()).String()+": volumes are never served on another network", "spec.network.internal.address")
	}
	if s.Portal.IsValid() && s.Portal.Port() == 0 {
		f.add(portalPath, "the port is 0", "a port from 1 to 65535, usually 3260")
	}
	if s.Quota > h.Disk {
		f.add("spec.storage.quota", fmt.Sprintf("%s is more than the pool's %s, which {other} says", s.Quota, h.Disk), "at most "+h.Disk.String(), "spec.host.disk")
	}
}
