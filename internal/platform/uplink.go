package platform

import (
	"fmt"
	"net/netip"
)

// check of an absent uplink finds nothing.
func (u *Uplink) check(f *faults, path, family string) {
	if u == nil || !u.Address.IsValid() || !u.Gateway.IsValid() {
		return
	}
	if !ofFamily(u.Address.Addr(), family) {
		f.add(path+".address", fmt.Sprintf("%s is no %s address", u.Address, family), "an "+family+" address with its prefix length")
		return
	}
	if !ofFamily(u.Gateway, family) {
		f.add(path+".gateway", fmt.Sprintf("%s is no %s address", u.Gateway, family), "an "+family+" address")
		return
	}
	checkUsable(f, path+".address", u.Address)
	single := u.Address.IsSingleIP()
	switch {
	case u.Gateway == u.Address.Addr():
		f.clash(path+".gateway", path+".address", fmt.Sprintf("%s is the host and its own gateway: also {other}", u.Gateway), "the router's address")
	case !single && !u.Address.Contains(u.Gateway) && !u.Gateway.IsLinkLocalUnicast():
		f.add(path+".gateway", fmt.Sprintf("%s is outside %s, the network of {other}", u.Gateway, u.Address.Masked()),
			fmt.Sprintf("an address in %s%s", u.Address.Masked(), linkLocalToo(family)), path+".address")
	}
}

func linkLocalToo(family string) string {
	if family == "IPv6" {
		return " or a link-local one (fe80::…)"
	}
	return ""
}

func ofFamily(a netip.Addr, family string) bool { return a.Is4() == (family == "IPv4") && !a.Is4In6() }

// checkUsable refuses what cannot be a host's own address.
func checkUsable(f *faults, path string, p netip.Prefix) {
	a := p.Addr()
	switch {
	case a.IsUnspecified(), a.IsLoopback(), a.IsMulticast(), a.IsLinkLocalUnicast():
		f.add(path, fmt.Sprintf("%s cannot be reached from the internet", a), "a public address")
	case a.Is4() && p.Bits() < 31 && (a == p.Masked().Addr() || a == last(p)):
		f.add(path, fmt.Sprintf("%s is the network's own or its broadcast address", p), "an address of a host in "+p.Masked().String())
	case p.Bits() == 0:
		f.add(path, fmt.Sprintf("%s has the prefix length 0, which is the whole internet", p), "the prefix length of the provider's network, e.g. /24")
	}
}

// last is the greatest address of p, the broadcast address of an IPv4 network.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
