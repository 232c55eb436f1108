package platform

import "slices"

// Propose makes a platform from what was seen of a host, and lists what has to
// be asked. The platform is short: it has only what the plan does not say. It
// passes Validate once every required question has an answer (see Set).
func Propose(f Facts) (*Platform, []Question) {
	p := &Platform{APIVersion: APIVersion, Kind: Kind}
	q := &asking{}
	proposeHost(p, f, q)
	proposePublic(p, f, q)
	proposeInternal(p, f)
	proposeVMs(p)
	q.rest(p)
	short := Minimal(p)
	short.APIVersion, short.Kind = APIVersion, Kind
	return short, q.list
}

func proposeHost(p *Platform, f Facts, q *asking) {
	h := &p.Spec.Host
	if seen(Label(f.Node)) {
		h.Node = Label(f.Node)
	} else {
		q.ask("spec.host.node", "Name of the Proxmox node", "")
	}
	if seen(Cores(f.Threads)) {
		h.Cores = Cores(f.Threads)
	}
	h.Memory = builtIn(f.MemoryBytes)
	if h.Disk = mirrored(f.Disks); h.Disk == 0 {
		q.ask("spec.host.disk", "Usable size of the ZFS pool", "930GiB")
	}
	proposePool(h, f, q)
	proposeStorages(h, f)
	if len(f.SSHPorts) > 0 && !slices.Contains(f.SSHPorts, 22) && seen(Port(f.SSHPorts[0])) {
		h.SSH.Port = Port(f.SSHPorts[0])
	}
	for _, k := range f.AuthorizedKeys {
		if seen(SSHKey(k)) && !knows(h.SSH.AuthorizedKeys, SSHKey(k)) {
			h.SSH.AuthorizedKeys = append(h.SSH.AuthorizedKeys, SSHKey(k))
		}
	}
}

func knows(keys []SSHKey, k SSHKey) bool {
	return slices.ContainsFunc(keys, func(x SSHKey) bool { return x.blob() == k.blob() })
}

// builtIn is the memory that is plugged in: the kernel keeps a few percent of it
// for itself, and modules come in multiples of 4 GiB. Unknown stays unknown.
func builtIn(seen int64) Size {
	const step = 4 * GiB
	whole := (Size(seen) + step - 1) / step * step
	if seen > 0 && whole-Size(seen) <= whole/16 {
		return whole
	}
	return Size(seen) / MiB * MiB
}

// mirrored is the usable size of the plan's layout, a mirror of two equal disks:
// that of one, rounded down to 10 GiB for partitions and ZFS' own needs.
func mirrored(disks []DiskFact) Size {
	var size int64
	for _, d := range disks {
		if size == 0 || d.Bytes < size {
			size = d.Bytes
		}
	}
	return Size(size) / (10 * GiB) * (10 * GiB)
}

func proposePool(h *Host, f Facts, q *asking) {
	switch {
	case slices.Contains(f.Pools, "rpool"):
		h.Pool = "rpool"
	case len(f.Pools) == 1 && seen(Pool(f.Pools[0])):
		h.Pool = Pool(f.Pools[0])
	default:
		q.ask("spec.host.pool", "ZFS pool for volumes and VM disks", "rpool")
	}
}

func proposeStorages(h *Host, f Facts) {
	h.Storages.Images = pick(f.Storages, "import", "local", nil)
	h.Storages.Snippets = pick(f.Storages, "snippets", "local", nil)
	h.Storages.Disks = pick(f.Storages, "images", "local-zfs", func(s StorageFact) bool { return s.Type == "zfspool" })
	for _, s := range f.Storages {
		if s.Name == string(h.Storages.Disks) && s.Dataset != "" && Dataset(s.Dataset).under(Dataset(h.Pool)) && seen(Dataset(s.Dataset)) {
			h.VMDataset = Dataset(s.Dataset)
		}
	}
}

// pick takes the preferred storage, else the first that has the content and is suitable. Nothing stays the default.
func pick(list []StorageFact, content, preferred string, suits func(StorageFact) bool) StorageID {
	var found StorageID
	for _, s := range list {
		if s.Name == preferred {
			return StorageID(s.Name)
		}
		if found == "" && slices.Contains(s.Content, content) && (suits == nil || suits(s)) && seen(StorageID(s.Name)) {
			found = StorageID(s.Name)
		}
	}
	return found
}

// proposeVMs shrinks the nodes on a host that is smaller than the plan's, as far as Talos allows.
func proposeVMs(p *Platform) {
	full := p.WithDefaults()
	h, v := full.Spec.Host, full.Spec.VMs
	share := (h.Memory - h.Reserved.Memory - v.Teleport.Memory) / planNodes / GiB * GiB
	for i, n := range v.Nodes {
		if share >= n.Memory && h.Cores >= n.Cores {
			continue
		}
		if p.Spec.VMs.Nodes == nil {
			p.Spec.VMs.Nodes = make([]VM, len(v.Nodes))
		}
		p.Spec.VMs.Nodes[i].Memory = min(n.Memory, max(share, 2*GiB))
		p.Spec.VMs.Nodes[i].Cores = min(n.Cores, h.Cores)
	}
}
