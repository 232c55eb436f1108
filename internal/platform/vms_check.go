package platform

import "fmt"

func (v *VMs) check(h *Host, n *Network, f *faults) {
	v.checkNodes(n, f)
	all := v.all()
	names, ids := make([]place[Label], 0, len(all)), make([]place[VMID], 0, len(all))
	macs := []place[MAC]{{"spec.network.flexibleIP.mac", n.FlexibleIP.MAC}}
	for _, m := range all {
		names = append(names, place[Label]{m.path + ".name", m.value.Name})
		ids = append(ids, place[VMID]{m.path + ".id", m.value.ID})
		macs = append(macs, place[MAC]{m.path + ".mac", m.value.MAC})
		if m.value.Cores > h.Cores {
			f.add(m.path+".cores", fmt.Sprintf("%d is more than the host's %d, which {other} says", m.value.Cores, h.Cores),
				fmt.Sprintf("1 to %d", h.Cores), "spec.host.cores")
		}
	}
	distinct(f, names, "names two VMs: also {other}", "a name of its own for each VM")
	distinct(f, ids, "is the number of two VMs: also {other}", "a number of its own for each VM")
	distinct(f, macs, "belongs to two interfaces: also {other}", "a MAC of its own for each interface")
	v.checkLeast(f)
	v.checkSums(h, f)
}

func (v *VMs) checkNodes(n *Network, f *faults) {
	const nodes, addresses = "spec.vms.nodes", "spec.network.addresses.nodes"
	switch count := len(v.Nodes); {
	case count == 0:
	case count%2 == 0:
		f.add(nodes, fmt.Sprintf("lists %d nodes, and etcd tolerates no more failures with %d members than with %d", count, count, count-1),
			"an odd number of nodes, 1 to 7; the plan has 3", addresses)
	case count > maxControlPlane:
		f.add(nodes, fmt.Sprintf("lists %d nodes, all of which are etcd members", count), "an odd number of nodes, 1 to 7; the plan has 3", addresses)
	}
	if len(v.Nodes) != len(n.Addresses.Nodes) {
		f.clash(nodes, addresses, fmt.Sprintf("there are %d nodes and %d addresses for them: also {other}", len(v.Nodes), len(n.Addresses.Nodes)),
			"as many addresses as nodes; leave "+addresses+" out to have them numbered from .10")
	}
}

// checkLeast holds the minimum of Talos (2 GiB, 10 GiB for a control plane node) and of Teleport.
func (v *VMs) checkLeast(f *faults) {
	for _, m := range v.all() {
		memory, disk, what := 2*GiB, 10*GiB, "a Talos control plane node"
		if m.value == &v.Teleport {
			memory, disk, what = 1*GiB, 8*GiB, "the Teleport VM"
		}
		if s := m.value.Memory; s > 0 && s < memory {
			f.add(m.path+".memory", fmt.Sprintf("%s is too little for %s", s, what), "at least "+memory.String())
		}
		if s := m.value.Disk; s > 0 && s < disk {
			f.add(m.path+".disk", fmt.Sprintf("%s is too little for %s", s, what), "at least "+disk.String())
		}
	}
}

// checkSums holds the plan's "Remaining for Proxmox host: 6 GB RAM".
func (v *VMs) checkSums(h *Host, f *faults) {
	var memory, disk Size
	var memoryPaths, diskPaths []string
	for _, m := range v.all() {
		memory, disk = memory+m.value.Memory, disk+m.value.Disk
		memoryPaths, diskPaths = append(memoryPaths, m.path+".memory"), append(diskPaths, m.path+".disk")
	}
	beyond(f, "memory", memory, h.Memory, h.Reserved.Memory, memoryPaths)
	beyond(f, "disk", disk, h.Disk, h.Reserved.Disk, diskPaths)
}

func beyond(f *faults, what string, sum, has, reserved Size, paths []string) {
	if sum+reserved <= has {
		return
	}
	allowed := fmt.Sprintf("less for the VMs, or a smaller spec.host.reserved.%s", what)
	if has > reserved {
		allowed = fmt.Sprintf("%s for all VMs together", has-reserved)
	}
	f.add("spec.vms", fmt.Sprintf("the VMs have %s of %s together and %s stay with the host: %s of {other}, which has %s",
		sum, what, reserved, sum+reserved, has), allowed, "spec.host."+what).dependsOn(append(paths, "spec.host.reserved."+what)...)
}
