package netfw

import (
	"fmt"
	"net/netip"
	"slices"
)

// inputRules is what reaches the host itself. The last rule drops, so what
// stands behind our jump in INPUT is never asked.
func inputRules(c RuleConfig, f Family) []string {
	if c.Profile == Open {
		return nil
	}
	if c.Profile != Initial {
		return lockdownRules(c, f)
	}
	r := []string{
		"-i lo -j ACCEPT",
		"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
	}
	if f == IPv6 {
		// Before INVALID: neighbour discovery has no connection to belong to.
		r = append(r, icmp6Rules(c)...)
	}
	r = append(r, "-m conntrack --ctstate INVALID -j DROP")
	if f == IPv4 {
		r = append(r, weakHostRules(c)...)
		r = append(r, icmp4Rules()...)
	} else {
		r = append(r, dhcp6Rule(c))
	}
	r = append(r, sshRules(c, f)...)
	if f == IPv4 {
		r = append(r, internalRules(c)...)
	}
	// Volumes are the nodes' alone from the beginning: a target without CHAP lets
	// in whoever reaches it.
	r = append(r, zoneRules(c, f, c.Zones.Nodes)...)
	return append(r, "-j DROP")
}

// weakHostRules close what Linux leaves open (RFC 1122, 3.3.4.2): it answers on
// any interface for the addresses of all, so a neighbour on the public side
// could reach the internal address, or pretend to be inside.
func weakHostRules(c RuleConfig) []string {
	return []string{
		fmt.Sprintf("-s %s ! -i %s -j DROP", c.InternalCIDR, c.InternalBridge),
		fmt.Sprintf("-d %s ! -i %s -j DROP", c.InternalCIDR, c.InternalBridge),
	}
}

// echoLimit keeps ping useful and a flood of it cheap.
const echoLimit = "-m limit --limit 50/sec --limit-burst 100 "

// icmp4Rules: errors without which path MTU discovery and traceroute break
// (RFC 1122, 3.2.2), and echo.
func icmp4Rules() []string {
	return []string{
		"-p icmp -m icmp --icmp-type 3 -j ACCEPT",  // destination unreachable, with "fragmentation needed"
		"-p icmp -m icmp --icmp-type 11 -j ACCEPT", // time exceeded
		"-p icmp -m icmp --icmp-type 12 -j ACCEPT", // parameter problem
		"-p icmp -m icmp --icmp-type 8 " + echoLimit + "-j ACCEPT",
	}
}

// icmp6Rules are RFC 4890, 4.4.1: what a host must not drop. That neighbour
// discovery comes from the link itself (hop limit 255) the kernel checks
// (net/ipv6/ndisc.c), so no rule has to.
func icmp6Rules(c RuleConfig) []string {
	var r []string
	for _, t := range []string{
		"1", "2", "3", "4", // unreachable, packet too big, time exceeded, parameter problem
		"129",               // echo reply, also when its state has expired
		"133", "135", "136", // router solicitation, neighbour solicitation and advertisement
		"141", "142", // the inverse of it
	} {
		r = append(r, "-p ipv6-icmp -m icmp6 --icmpv6-type "+t+" -j ACCEPT")
	}
	r = append(r, routerRule(c))
	for _, t := range []string{"130", "131", "132", "143"} { // multicast listener discovery
		r = append(r, "-s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type "+t+" -j ACCEPT")
	}
	return append(r, "-p ipv6-icmp -m icmp6 --icmpv6-type 128 "+echoLimit+"-j ACCEPT")
}

// dhcp6Rule lets the replies to a DHCPv6 client in: it asks a multicast address,
// so connection tracking does not know the answer (RFC 8415, 7.2). IPv4 needs no
// such rule: its clients read below the filter.
func dhcp6Rule(c RuleConfig) string {
	return fmt.Sprintf("-s fe80::/10 -d fe80::/10 -i %s -p udp -m udp --sport 547 --dport 546 -j ACCEPT", c.PublicBridge)
}

// sshRules open SSH to the networks that were named.
func sshRules(c RuleConfig, f Family) []string {
	if c.sshFromAnywhere(f) {
		return []string{acceptTCP("", c.SSHPort)}
	}
	var r []string
	for _, p := range c.SSHFrom {
		if p.Addr().Is4() == (f == IPv4) {
			r = append(r, acceptTCP(c.fromSource(p), c.SSHPort))
		}
	}
	return unique(r)
}

func (c RuleConfig) sshFromAnywhere(f Family) bool {
	return c.SSHFrom == nil || slices.ContainsFunc(c.SSHFrom, func(p netip.Prefix) bool { return p.Bits() == 0 && p.Addr().Is4() == (f == IPv4) })
}

func internalRules(c RuleConfig) []string {
	from := fmt.Sprintf("-s %s -i %s ", c.InternalCIDR, c.InternalBridge)
	ports := slices.Compact(slices.Sorted(slices.Values(c.InternalTCP)))
	var r []string
	for _, p := range ports {
		if p != c.SSHPort || !c.sshFromAnywhere(IPv4) {
			r = append(r, acceptTCP(from, p))
		}
	}
	return r
}

func acceptTCP(from string, port uint16) string {
	return fmt.Sprintf("%s-p tcp -m tcp --dport %d -j ACCEPT", from, port)
}
