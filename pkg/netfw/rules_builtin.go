package netfw

// BuiltinLockdown is what is loaded when the saved rules cannot be read. It
// needs no address and no name: loopback, what the host itself began, and what
// IPv6 needs on a link; the console is the way in. Nothing is forwarded but
// what a bridge carries between its own ports.
func BuiltinLockdown() RuleSet {
	closed := func(f Family) []Chain {
		in := []string{"-i lo -j ACCEPT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"}
		if f == IPv6 {
			in = append(in, neighbourRules()...)
			in = append(in, "-s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 134 -j ACCEPT")
		}
		return []Chain{
			{PartInput, "filter", inputChain, "INPUT", append(in, "-j DROP")},
			{PartForward, "filter", forwardChain, "FORWARD", []string{"-m physdev --physdev-is-bridged -j RETURN", "-j DROP"}},
		}
	}
	return RuleSet{V4: closed(IPv4), V6: closed(IPv6)}
}
