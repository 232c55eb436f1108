package netfw

import "fmt"

// forwardRules is what passes the host. Whatever is neither the internal nor the
// public bridge's is returned to the operator's own rules.
func forwardRules(c RuleConfig, f Family) []string {
	if c.Profile == Open {
		return nil
	}
	r := bridgedRules(c)
	if f == IPv4 {
		r = append(r, outboundRules(c)...)
	}
	return append(append(r, closedRules(c)...), inboundRules(c)...)
}

// bridgedRules let frames through that a bridge carries between its own ports:
// they pass FORWARD only where bridge-nf-call-iptables is 1. On the internal
// bridge they are accepted (etcd talks there). On other bridges they are the
// operator's, and pve-firewall's, so they are returned to them.
func bridgedRules(c RuleConfig) []string {
	return []string{
		fmt.Sprintf("-i %[1]s -o %[1]s -m physdev --physdev-is-bridged -j ACCEPT", c.InternalBridge),
		"-m physdev --physdev-is-bridged -j RETURN",
	}
}

// outboundRules let the internal network out and the answers in. A packet that
// belongs to no connection would leave with its internal address, since
// masquerade works on connections: it is dropped.
func outboundRules(c RuleConfig) []string {
	if c.Isolated {
		return nil
	}
	return []string{
		fmt.Sprintf("-i %s -m conntrack --ctstate INVALID -j DROP", c.InternalBridge),
		fmt.Sprintf("-o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", c.InternalBridge),
		fmt.Sprintf("-s %s -i %s -o %s -j ACCEPT", c.InternalCIDR, c.InternalBridge, c.PublicBridge),
	}
}

func closedRules(c RuleConfig) []string {
	return []string{
		fmt.Sprintf("-i %s -j DROP", c.InternalBridge),
		fmt.Sprintf("-o %s -j DROP", c.InternalBridge),
	}
}

// inboundRules close the host as a router for the public side. A port that the
// operator forwards with a DNAT rule of their own stays theirs.
func inboundRules(c RuleConfig) []string {
	return []string{
		fmt.Sprintf("-i %s -m conntrack --ctstate DNAT -j RETURN", c.PublicBridge),
		fmt.Sprintf("-i %s -m conntrack --ctstate INVALID,NEW -j DROP", c.PublicBridge),
	}
}

// natRules is phase 1, step 3 of the plan.
func natRules(c RuleConfig) []string {
	if c.Isolated {
		return nil
	}
	return []string{masquerade(c)}
}

func masquerade(c RuleConfig) string {
	return fmt.Sprintf("-s %s -o %s -j MASQUERADE", c.InternalCIDR, c.PublicBridge)
}
