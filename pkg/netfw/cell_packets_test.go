package netfw

import (
	"net/netip"
	"slices"
	"testing"
)

// world is what Decide has to know of the stage: pure data, no namespace.
type world struct {
	t              testing.TB
	actors         map[string]*actor
	behindFirewall bool // and bridge-nf-call-iptables is 1
	link           map[string]netip.Addr
}

// outcome says by Decide whether the cell comes about, and which rule has
// decided about its first packet.
func (w *world) outcome(set RuleSet, c cell) (bool, Decision) {
	there, back := w.packets(c)
	first := Decision{}
	for i, p := range there {
		ok, d := w.passes(set, p)
		if i == len(there)-1 || !ok {
			first = d
		}
		if !ok {
			return false, first
		}
	}
	for _, p := range back {
		if ok, _ := w.passes(set, p); !ok {
			return false, first
		}
	}
	return len(back) == 0 || w.returns(set, c), first
}

// returns reports whether an answer can come back: the internet knows no way to
// the internal network, so it needs masquerade.
func (w *world) returns(set RuleSet, c cell) bool {
	from, to := w.actors[c.from], w.actors[c.to]
	if c.family != IPv4 || to.name != "internet" || from.bridge != "vmbr1" {
		return true
	}
	for _, chain := range set.V4 {
		if chain.Hook == "POSTROUTING" {
			d, err := decideChain(chain, Packet{Family: IPv4, In: "vmbr1", Out: "vmbr0", Src: from.v4, Dst: to.v4, State: "NEW"})
			if err != nil {
				w.t.Fatal(err)
			}
			return d.Verdict == Accept
		}
	}
	return false
}

// passes asks Decide, and where ours return the packet the operator's own rule.
func (w *world) passes(set RuleSet, p Packet) (bool, Decision) {
	d, err := Decide(set, p)
	if err != nil {
		w.t.Fatal(err)
	}
	bridged := p.PhysOut != ""
	switch {
	case d.Verdict == Accept, bridged && !w.behindFirewall && d.Chain == forwardChain:
		return true, d // the kernel does not ask the chain about bridged frames
	case d.Verdict == Drop:
		return false, d
	}
	return !(w.behindFirewall && bridged && p.In == "vmbr1" && p.Proto == "tcp" && p.DPort == 2380), d
}

// packets are those of the cell, and of its answers.
func (w *world) packets(c cell) (there, back []Packet) {
	from, to := w.actors[c.from], w.actors[c.to]
	src, dst := w.address(c.as, from, c.family), w.address(c.at, to, c.family)
	p := Packet{Family: c.family, Src: src, Dst: dst, Proto: c.what, DPort: uint16(c.n), SPort: 40000, State: "NEW"}
	answered := true
	switch c.what {
	case "ping":
		p.Proto, p.ICMPType, p.DPort, p.SPort = icmpOf(c.family), 8, 0, 0
		if c.family == IPv6 {
			p.ICMPType = 128
		}
	case "icmp":
		p.Proto, p.ICMPType, p.DPort, p.SPort, answered = icmpOf(c.family), uint8(c.n), 0, 0, false
		p.State = icmpState(c)
	case "one":
		p.Proto, answered = "udp", false
	case "syn":
		p.Proto, answered = "tcp", false
	case "synack":
		p.Proto, p.State, answered = "tcp", "INVALID", false
	case "dhcp6":
		p.Proto, p.SPort, p.DPort, answered = "udp", 547, 546, false
	case "tags":
		p.Proto, answered = pinTags[c.n], false
	}
	if c.what == "tcp" && c.n == 8443 { // the operator's forwarded port
		to = w.actors["other"]
		p.Dst, p.DPort, p.DNAT = to.addr(c.family), 2379, true
	}
	there = w.way(from, to, p)
	if answered {
		r := p
		r.Src, r.Dst, r.SPort, r.DPort, r.State = p.Dst, p.Src, p.DPort, p.SPort, "ESTABLISHED"
		back = w.way(to, from, r)
	}
	return there, back
}

func (w *world) address(name string, a *actor, f Family) netip.Addr {
	if name == "link" {
		return w.link[a.name]
	}
	return w.actors[name].addr(f)
}

func icmpOf(f Family) string {
	if f == IPv6 {
		return "ipv6-icmp"
	}
	return "icmp"
}

// icmpState is what connection tracking makes of a message without a
// connection (net/netfilter/nf_conntrack_proto_icmpv6.c).
func icmpState(c cell) string {
	untracked := []int{130, 131, 132, 133, 134, 135, 136, 143}
	switch {
	case c.from == "untracked", c.family == IPv6 && slices.Contains(untracked, c.n):
		return "UNTRACKED"
	case c.family == IPv4 && c.n == 13:
		return "NEW"
	}
	return "INVALID"
}

// way is the packet as it is seen on its way: on the VM's own bridge, if it has
// one, on the bridge or through the host, and on the receiver's own bridge.
func (w *world) way(from, to *actor, p Packet) []Packet {
	var out []Packet
	port := from.port
	if w.hasBridge(from) {
		n := firewallNames(from.port)
		port = n.fwpr
		out = append(out, bridgedBy(p, n.fwbr, from.port, n.fwln))
	}
	main := p
	main.In, main.PhysIn = from.bridge, port
	receiver := to.port
	if w.hasBridge(to) {
		receiver = firewallNames(to.port).fwpr
	}
	switch {
	case from.port == "" && from.bridge != "lo":
		main.In = "" // the host sends
	case to.port == "":
	case from.bridge == to.bridge:
		main.Out, main.PhysOut = to.bridge, receiver
	default:
		main.Out = to.bridge
	}
	if main.In != "" {
		out = append(out, main)
	}
	if w.hasBridge(to) {
		n := firewallNames(to.port)
		out = append(out, bridgedBy(p, n.fwbr, n.fwln, to.port))
	}
	return out
}

func (w *world) hasBridge(a *actor) bool {
	return w.behindFirewall && a.bridge == "vmbr1" && a.port != ""
}

func bridgedBy(p Packet, bridge, in, out string) Packet {
	p.In, p.Out, p.PhysIn, p.PhysOut = bridge, bridge, in, out
	return p
}
