package netfw

import (
	"fmt"
	"net/netip"
	"slices"
)

// lockdownRules is what reaches the host in phase 3, and with exceptions in an
// emergency. Of ICMP nothing is asked for by name over IPv4: errors of a known
// connection are RELATED, and the host answers no ping.
func lockdownRules(c RuleConfig, f Family) []string {
	r := []string{
		"-i lo -j ACCEPT",
		"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
	}
	if f == IPv6 {
		r = append(r, linkRules(c)...)
	}
	r = append(r, "-m conntrack --ctstate INVALID -j DROP")
	if f == IPv6 {
		r = append(r, dhcp6Rule(c))
	}
	if c.Profile == Emergency {
		r = append(r, exceptionRules(c, f)...)
	}
	if c.InternalOpen {
		r = append(r, fmt.Sprintf("-i %s -j ACCEPT", c.InternalBridge))
	} else {
		// Its own rule, so that it has its own counter.
		r = append(append(r, zoneRules(c, f, c.Zones.Teleport, c.Zones.Nodes)...), fmt.Sprintf("-i %s -j DROP", c.InternalBridge))
	}
	return append(r, "-j DROP")
}

// linkRules are what of ICMPv6 an address on a link cannot do without (RFC 4890,
// 4.4.1): neighbour discovery, and on the public side the router's
// advertisements and queries.
func linkRules(c RuleConfig) []string {
	return append(neighbourRules(),
		routerRule(c),
		fmt.Sprintf("-s fe80::/10 ! -i %s -p ipv6-icmp -m icmp6 --icmpv6-type 130 -j ACCEPT", c.InternalBridge))
}

// routerRule lets in whoever says to be the host's router: somebody on the link of
// the public side (RFC 4861, 6.1.2), and no VM on the internal bridge.
func routerRule(c RuleConfig) string {
	return fmt.Sprintf("-s fe80::/10 ! -i %s -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j ACCEPT", c.InternalBridge)
}

func neighbourRules() []string {
	return []string{
		"-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT",
		"-p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT",
	}
}

func zoneRules(c RuleConfig, f Family, zones ...Zone) []string {
	var r []string
	for _, z := range zones {
		for _, a := range sortedAddrs(z.Addresses, f) {
			for _, p := range slices.Compact(slices.Sorted(slices.Values(z.TCP))) {
				r = append(r, acceptTCP(fmt.Sprintf("-s %s -i %s ", netip.PrefixFrom(a, a.BitLen()), c.InternalBridge), p))
			}
		}
	}
	return unique(r)
}

func sortedAddrs(in []netip.Addr, f Family) []netip.Addr {
	out := slices.DeleteFunc(slices.Clone(in), func(a netip.Addr) bool { return a.Is4() != (f == IPv4) })
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// exceptionRules open the host's own doors to the sources that were named: those
// of the internal network from its bridge alone, all others from anywhere else.
func exceptionRules(c RuleConfig, f Family) []string {
	var r []string
	for _, x := range c.Exceptions {
		for _, src := range x.Sources {
			if src.Addr().Is4() != (f == IPv4) {
				continue
			}
			for _, p := range slices.Compact(slices.Sorted(slices.Values(x.TCP))) {
				r = append(r, acceptTCP(c.fromSource(src), p))
			}
		}
	}
	return unique(r)
}

// fromSource matches what comes from a network, by the bridge that it can come by.
func (c RuleConfig) fromSource(src netip.Prefix) string {
	from := ""
	if src.Bits() > 0 {
		from = fmt.Sprintf("-s %s ", src)
	}
	if !c.isInternal(src) {
		from += "! "
	}
	return from + fmt.Sprintf("-i %s ", c.InternalBridge)
}

func (c RuleConfig) isInternal(p netip.Prefix) bool {
	return p.Bits() >= c.InternalCIDR.Bits() && c.InternalCIDR.Contains(p.Addr())
}

func unique(rules []string) []string {
	var out []string
	for _, r := range rules {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
