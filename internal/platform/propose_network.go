package platform

import "net/netip"

func proposePublic(p *Platform, f Facts, q *asking) {
	n := &p.Spec.Network
	var link *LinkFact
	if f.Uplink != nil {
		link = f.link(f.Uplink.Link)
	}
	if link == nil {
		q.ask("spec.network.public.bridge", "Bridge to the internet (the host has no default route)", "vmbr0")
		q.askUplink(netip.Prefix{}, netip.Addr{})
		return
	}
	if link.Bridge && seen(Bridge(link.Name)) {
		n.Public.Bridge = Bridge(link.Name)
	} else {
		q.ask("spec.network.public.bridge", "Bridge to the internet (the default route leaves by "+link.Name+", which is no bridge: make one in the Proxmox UI first)", "vmbr0")
	}
	v4, _ := link.first(true)
	if v4.IsValid() && f.Uplink.Gateway4.IsValid() {
		n.Public.IPv4 = Uplink{Address: v4, Gateway: f.Uplink.Gateway4}
	} else {
		q.askUplink(v4, f.Uplink.Gateway4)
	}
	if v6, has := link.first(false); has && f.IPv6 && f.Uplink.Gateway6.IsValid() {
		n.Public.IPv6 = &Uplink{Address: v6, Gateway: f.Uplink.Gateway6.WithZone("")}
	}
}

// proposeInternal keeps a network that vmbr1 has already, and otherwise avoids networks that the host has.
func proposeInternal(p *Platform, f Facts) {
	n := &p.Spec.Network
	if l := f.link("vmbr1"); l != nil && l.Bridge && n.Public.Bridge != "vmbr1" {
		if a, has := l.first(true); has && a.Addr().IsPrivate() && a.Bits() >= 16 && a.Bits() <= 26 {
			n.Internal.CIDR, n.Internal.Address = a.Masked(), a.Addr()
			return
		}
	}
	for second := 10; second < 250; second += 10 {
		c := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 0}), 24)
		if !f.uses(c) {
			n.Internal.CIDR = c
			return
		}
	}
}

func (f *Facts) uses(c netip.Prefix) bool {
	for _, l := range f.Links {
		for _, a := range l.Addresses {
			if a.Masked().Overlaps(c) {
				return true
			}
		}
	}
	return false
}
