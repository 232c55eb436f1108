package platform

import "net/netip"

// Machine is a VM with everything that other tables say of it.
type Machine struct {
	VM
	Address netip.Addr // on the internal bridge
	NICs    []NIC      // in the order of the guest's interfaces
}

// NIC is one network interface of a VM.
type NIC struct {
	Bridge Bridge
	MAC    MAC
}

// TeleportVM is the Teleport VM: first interface on the public bridge with the
// flexible IP's MAC, second on the internal one. s has its defaults.
func (s *Spec) TeleportVM() Machine {
	n, vm := s.Network, s.VMs.Teleport
	return Machine{VM: vm, Address: n.Addresses.Teleport, NICs: []NIC{
		{Bridge: n.Public.Bridge, MAC: n.FlexibleIP.MAC},
		{Bridge: n.Internal.Bridge, MAC: vm.MAC},
	}}
}

// Nodes are the Talos nodes, on the internal bridge only. s has its defaults.
func (s *Spec) Nodes() []Machine {
	list := make([]Machine, 0, len(s.VMs.Nodes))
	for i, vm := range s.VMs.Nodes {
		m := Machine{VM: vm, NICs: []NIC{{Bridge: s.Network.Internal.Bridge, MAC: vm.MAC}}}
		if i < len(s.Network.Addresses.Nodes) {
			m.Address = s.Network.Addresses.Nodes[i]
		}
		list = append(list, m)
	}
	return list
}
