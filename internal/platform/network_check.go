package platform

import (
	"fmt"
	"net/netip"
)

// What every address of the internal network depends on.
const cidrPath = "spec.network.internal.cidr"

func (n *Network) check(f *faults) {
	if n.Public.Bridge == n.Internal.Bridge {
		f.clash("spec.network.internal.bridge", "spec.network.public.bridge",
			fmt.Sprintf("%s is the name of both bridges: also {other}", n.Public.Bridge), "two different bridges")
	}
	n.Public.IPv4.check(f, "spec.network.public.ipv4", "IPv4")
	n.Public.IPv6.check(f, "spec.network.public.ipv6", "IPv6")
	n.FlexibleIP.IPv6.check(f, "spec.network.flexibleIP.ipv6", "IPv6")
	n.checkFlexible(f)
	if n.checkInternal(f) {
		n.checkInternalAddresses(f)
	}
	n.checkPublicAddresses(f)
	n.checkResolvers(f)
}

// checkInternal reports whether addresses can be held against the network.
func (n *Network) checkInternal(f *faults) bool {
	c, before := n.Internal.CIDR, len(f.list)
	const allowed = "a private IPv4 network from /16 to /26 with no host bits, e.g. 10.10.0.0/24"
	switch {
	case !c.IsValid():
		return false
	case !c.Addr().Is4():
		f.add(cidrPath, c.String()+" is not IPv4", allowed)
	case c != c.Masked():
		f.add(cidrPath, fmt.Sprintf("%s has host bits: the network is %s", c, c.Masked()), allowed)
	case c.Bits() < 16 || c.Bits() > 26:
		f.add(cidrPath, fmt.Sprintf("%s has the prefix length %d", c, c.Bits()), allowed)
	case !c.Addr().IsPrivate():
		f.add(cidrPath, c.String()+" is not private (RFC 1918): VMs could not reach its owners", allowed)
	}
	if p := n.Public.IPv4.Address; p.Bits() > 0 && c.Overlaps(p.Masked()) {
		f.clash(cidrPath, "spec.network.public.ipv4.address",
			fmt.Sprintf("the internal network %s overlaps the public network %s: also {other}", c, p.Masked()), "networks that do not overlap")
	}
	return len(f.list) == before
}

// internalAddresses lists everybody on the internal bridge, in the plan's order.
func (n *Network) internalAddresses() []place[netip.Addr] {
	list := []place[netip.Addr]{
		{"spec.network.internal.address", n.Internal.Address},
		{"spec.network.addresses.teleport", n.Addresses.Teleport},
	}
	for i, a := range n.Addresses.Nodes {
		list = append(list, place[netip.Addr]{nodeAddressPath(i), a})
	}
	return append(list,
		place[netip.Addr]{"spec.network.addresses.kubernetesVIP", n.Addresses.KubernetesVIP},
		place[netip.Addr]{"spec.network.addresses.gatewayVIP", n.Addresses.GatewayVIP})
}

func nodeAddressPath(i int) string { return fmt.Sprintf("spec.network.addresses.nodes[%d]", i) }

func (n *Network) checkInternalAddresses(f *faults) {
	c := n.Internal.CIDR
	allowed := fmt.Sprintf("an address from %s to %s", nth(c, 1), last(c).Prev())
	list := n.internalAddresses()
	for _, l := range list {
		switch {
		case !l.value.IsValid():
		case !c.Contains(l.value):
			f.add(l.path, fmt.Sprintf("%s is outside %s, which {other} says", l.value, c), allowed, cidrPath)
		case l.value == c.Masked().Addr() || l.value == last(c):
			f.add(l.path, fmt.Sprintf("%s is the own or the broadcast address of %s, which {other} says", l.value, c), allowed, cidrPath)
		}
	}
	distinct(f, list, "has two owners: also {other}", "an address of its own for each of host, Teleport VM, nodes and virtual IPs")
}

func (n *Network) checkFlexible(f *faults) {
	x := n.FlexibleIP
	const path = "spec.network.flexibleIP"
	if x.Address.IsValid() {
		if !x.Address.Is4() {
			f.add(path+".address", x.Address.String()+" is not IPv4", "the flexible IPv4 address; an IPv6 address goes to "+path+".ipv6")
		} else {
			checkUsable(f, path+".address", netip.PrefixFrom(x.Address, 32))
			if c := n.Internal.CIDR; c.IsValid() && c.Contains(x.Address) {
				f.add(path+".address", fmt.Sprintf("%s is in the internal network, which {other} says", x.Address), "a public address", cidrPath)
			}
		}
	}
	if x.Gateway.IsValid() && !x.Gateway.Is4() {
		f.add(path+".gateway", x.Gateway.String()+" is not IPv4", "an IPv4 address", "spec.network.public.ipv4.gateway")
	}
	if x.Gateway.IsValid() && x.Gateway == x.Address && x.Gateway != n.Public.IPv4.Gateway {
		f.clash(path+".gateway", path+".address", fmt.Sprintf("%s is the Teleport VM and its own gateway: also {other}", x.Gateway), "the router's address")
	}
}

func (n *Network) checkPublicAddresses(f *faults) {
	v4 := []place[netip.Addr]{
		{"spec.network.public.ipv4.address", n.Public.IPv4.Address.Addr()},
		{"spec.network.flexibleIP.address", n.FlexibleIP.Address},
	}
	distinct(f, v4, "has two owners: also {other}", "the host and the Teleport VM each have a public address of their own")
	if g := n.Public.IPv4.Gateway; g.IsValid() && g == n.FlexibleIP.Address {
		f.clash("spec.network.flexibleIP.address", "spec.network.public.ipv4.gateway", g.String()+" is the gateway's address: also {other}", "the flexible IP of the Teleport VM")
	}
	if n.Public.IPv6 != nil && n.FlexibleIP.IPv6 != nil {
		v6 := []place[netip.Addr]{
			{"spec.network.public.ipv6.address", n.Public.IPv6.Address.Addr()},
			{"spec.network.flexibleIP.ipv6.address", n.FlexibleIP.IPv6.Address.Addr()},
		}
		distinct(f, v6, "has two owners: also {other}", "the host and the Teleport VM each have a public address of their own")
	}
}

// checkResolvers also holds glibc's limit of three (resolv.conf(5), MAXNS).
func (n *Network) checkResolvers(f *faults) {
	const path = "spec.network.resolvers"
	if len(n.Resolvers) > 3 {
		f.add(path, fmt.Sprintf("lists %d resolvers, of which only three are asked", len(n.Resolvers)), "one to three addresses")
	}
	for i, r := range n.Resolvers {
		if r.IsUnspecified() || r.IsLoopback() || r.IsMulticast() || r.IsLinkLocalUnicast() {
			f.add(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s cannot be asked by a VM", r), "a resolver's address, e.g. 1.1.1.1")
		}
	}
	unique(f, "is listed twice: also {other}", "each resolver once", f.each(path, len(n.Resolvers)),
		func(i int) string { return n.Resolvers[i].String() })
}
