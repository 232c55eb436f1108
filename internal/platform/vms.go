package platform

import (
	"fmt"
	"strconv"
)

// VMs is the virtual machines (plan: VM Layout).
type VMs struct {
	// The Teleport VM, on both bridges.
	Teleport VM `json:"teleport"`
	// The Talos nodes, control plane and worker in one, on the internal bridge. An odd number, so that etcd keeps a majority.
	// What an entry leaves out is the plan's value for its place in the list.
	Nodes []VM `json:"nodes"`
}

// VM is one virtual machine.
type VM struct {
	// Name in Proxmox VE and host name inside. Default: teleport, or waddle-cp-1 and up.
	Name Label `json:"name"`
	// Number in Proxmox VE. Default: 102, or 110 and up.
	ID VMID `json:"id"`
	// Virtual CPUs. Default: 2, or 3 for a node.
	Cores Cores `json:"cores"`
	// Memory. Default: 2GiB, or 8GiB for a node.
	Memory Size `json:"memory"`
	// System disk. Default: 20GiB, or 10GiB for a node.
	Disk Size `json:"disk"`
	// MAC of the interface on the internal bridge. Default: derived from the internal address.
	MAC MAC `json:"mac"`
}

// The plan's numbers for a VM that a file does not mention.
const (
	planNodes       = 3
	teleportVMID    = 102
	firstNodeVMID   = 110
	maxControlPlane = 7
)

// count is how many nodes there are: as the list says, else as the addresses say, else the plan's three.
func (v *VMs) count(addresses int) int {
	switch {
	case v.Nodes != nil:
		return len(v.Nodes)
	case addresses > 0:
		return addresses
	}
	return planNodes
}

func (v *VMs) fill(n *Network) {
	t := &v.Teleport
	or(&t.Name, "teleport")
	or(&t.ID, teleportVMID)
	or(&t.Cores, 2)
	or(&t.Memory, 2*GiB)
	or(&t.Disk, 20*GiB)
	or(&t.MAC, macOf(n.Addresses.Teleport))
	if v.Nodes == nil {
		v.Nodes = make([]VM, v.count(len(n.Addresses.Nodes)))
	}
	for i := range v.Nodes {
		v.Nodes[i].fillNode(i)
		if i < len(n.Addresses.Nodes) {
			or(&v.Nodes[i].MAC, macOf(n.Addresses.Nodes[i]))
		}
	}
}

func (m *VM) fillNode(i int) {
	or(&m.Name, Label("waddle-cp-"+strconv.Itoa(i+1)))
	or(&m.ID, VMID(firstNodeVMID+i))
	or(&m.Cores, 3)
	or(&m.Memory, 8*GiB)
	or(&m.Disk, 10*GiB)
}

// all lists every VM with its path.
func (v *VMs) all() []place[*VM] {
	list := []place[*VM]{{"spec.vms.teleport", &v.Teleport}}
	for i := range v.Nodes {
		list = append(list, place[*VM]{nodePath(i), &v.Nodes[i]})
	}
	return list
}

func nodePath(i int) string { return fmt.Sprintf("spec.vms.nodes[%d]", i) }
