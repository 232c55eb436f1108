package netfw

import (
	"fmt"
	"net/netip"
	"slices"
)

// Packet is one packet as the rules see it.
type Packet struct {
	Family Family // IPv4, IPv6
	// In and Out are interfaces: the bridge, when it came in by a bridge. In ""
	// is the host's own, Out "" is for the host.
	In, Out string
	// PhysIn and PhysOut are ports of a bridge: tap102i0. PhysOut is set when
	// the bridge carries the frame between its own ports.
	PhysIn, PhysOut string
	Src, Dst        netip.Addr
	// Proto is tcp, udp, icmp, ipv6-icmp; arp, with the sender's address in
	// Src; "8021q 8021ad" and so on, a frame with two VLAN tags, the outer one
	// of VLAN 0.
	Proto        string
	SPort, DPort uint16 // of tcp and udp
	ICMPType     uint8
	State        string // of connection tracking: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED
	DNAT         bool   // the connection's destination was translated
}

// Verdict is what becomes of a packet.
type Verdict string

// The verdicts. Return means that no rule of ours decides: rules of others do,
// and the policy of the built-in chain.
const (
	Accept Verdict = "accept"
	Drop   Verdict = "drop"
	Return Verdict = "return"
)

// Decision says which rule decides about a packet.
type Decision struct {
	Verdict Verdict
	Chain   string // "" when no chain of ours is asked
	Rule    int    // from 0; -1 when no rule of ours decides
	Text    string // of the rule
}

// Decide says what the rules do with a packet, without sending it. It takes a
// packet within the rate of a limit match. A rule with a match that it does not
// know is an error, never a guess.
func Decide(set RuleSet, p Packet) (Decision, error) {
	if p.PhysIn != "" {
		for _, c := range set.Pins {
			if d, err := decidePins(c, p); err != nil || d.Verdict == Drop {
				return d, err
			}
		}
	}
	hook := ""
	switch {
	case !isIP(p.Proto):
	case p.In == "": // we have nothing in OUTPUT
	case p.Out == "":
		hook = "INPUT"
	default:
		hook = "FORWARD"
	}
	for _, c := range set.Of(p.Family) {
		if c.Hook == hook && c.Table == "filter" {
			return decideChain(c, p)
		}
	}
	return Decision{Verdict: Return, Rule: -1}, nil
}

func isIP(proto string) bool { return proto != pinARP && !slices.Contains(pinTags, proto) }

func decideChain(c Chain, p Packet) (Decision, error) {
	for i, text := range c.Rules {
		m, err := parseMatch(p.Family, text)
		if err != nil {
			return Decision{}, fmt.Errorf("cannot decide: chain %s, rule %d: %w", c.Name, i+1, err)
		}
		if m.matches(p) {
			return Decision{m.verdict, c.Name, i, text}, nil
		}
	}
	return Decision{Return, c.Name, -1, ""}, nil
}

func decidePins(c Chain, p Packet) (Decision, error) {
	for i, text := range c.Rules {
		r, err := parsePin(text)
		if err != nil {
			return Decision{}, fmt.Errorf("cannot decide: chain %s, rule %d: %w", c.Name, i+1, err)
		}
		if !r.matches(p) {
			continue
		}
		v := Accept
		if r.drop {
			v = Drop
		}
		return Decision{v, c.Name, i, text}, nil
	}
	return Decision{Return, c.Name, -1, ""}, nil
}
