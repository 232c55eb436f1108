package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// Question is a new connection that is asked about.
type Question struct {
	From, To string        // names or addresses; To with port and protocol, as in host:8006/tcp
	Profile  netfw.Profile // "" means the rules that are in force
	Family   netfw.Family  // of names; "" means IPv4
}

// Answer is what becomes of its first packet.
type Answer struct {
	netfw.Decision
	Packet  netfw.Packet
	Profile netfw.Profile
	Note    string
}

// Path says in words which way the packet takes.
func (a Answer) Path() string {
	p := a.Packet
	switch {
	case p.In == "":
		return "from the host, out"
	case p.Out == "":
		return fmt.Sprintf("in by %s to the host", p.In)
	case p.PhysOut != "":
		return fmt.Sprintf("on %s from port to port", p.In)
	}
	return fmt.Sprintf("through the host, in by %s and out by %s", p.In, p.Out)
}

// Test says which rule decides about a connection, without sending a packet.
func (s *Service) Test(ctx context.Context, q Question) (Answer, error) {
	doc, err := s.o.Platform()
	if err != nil {
		return Answer{}, err
	}
	p, err := packetOf(doc.Spec, q)
	if err != nil {
		return Answer{}, err
	}
	set, named, err := s.asked(ctx, doc, q.Profile)
	if err != nil {
		return Answer{}, err
	}
	d, err := netfw.Decide(set, p)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Decision: d, Packet: p, Profile: named}
	if d.Verdict == netfw.Return {
		a.Note = "no rule of waddle's decides: rules of others and the chain's policy do"
	}
	return a, nil
}

func (s *Service) asked(ctx context.Context, doc *platform.Platform, p netfw.Profile) (netfw.RuleSet, netfw.Profile, error) {
	if p != "" {
		set, err := s.rulesOf(ctx, doc, p)
		return set, p, err
	}
	w, err := s.o.Truth.Wanted(ctx)
	if err != nil {
		return netfw.RuleSet{}, "", refused(err)
	}
	return orNone(w.LiveRules), s.profile(w.Live, w.LiveRules), nil
}

func packetOf(s platform.Spec, q Question) (netfw.Packet, error) {
	target, port, proto, err := splitTarget(q.To)
	if err != nil {
		return netfw.Packet{}, err
	}
	at := places{s: s, family: familyOf(q.Family, q.From, target)}
	from, err := at.find(q.From, "")
	if err != nil {
		return netfw.Packet{}, err
	}
	to, err := at.find(target, from.bridge)
	if err != nil {
		return netfw.Packet{}, err
	}
	if from.host && to.bridge != "" { // the address that it has there
		if from, err = at.find(q.From, to.bridge); err != nil {
			return netfw.Packet{}, err
		}
	}
	if from.addr.Is4() != to.addr.Is4() {
		return netfw.Packet{}, problem.New(problem.InvalidRequest, "name two addresses of one family",
			"cannot test the firewall: %s and %s are of two families", from.addr, to.addr)
	}
	return between(from, to, port, proto), nil
}

// familyOf is that of the address, where one of the two is one.
func familyOf(f netfw.Family, ends ...string) netfw.Family {
	for _, text := range ends {
		if a, err := netip.ParseAddr(text); err == nil {
			if a.Unmap().Is4() {
				return netfw.IPv4
			}
			return netfw.IPv6
		}
	}
	if f == "" {
		return netfw.IPv4
	}
	return f
}

func between(from, to place, port uint16, proto string) netfw.Packet {
	p := netfw.Packet{Family: netfw.IPv4, Src: from.addr, Dst: to.addr, Proto: proto, DPort: port, State: "NEW"}
	if from.addr.Is6() {
		p.Family = netfw.IPv6
	}
	switch {
	case proto != "ping":
		p.SPort = 40000
	case p.Family == netfw.IPv4:
		p.Proto, p.ICMPType = "icmp", 8
	default:
		p.Proto, p.ICMPType = "ipv6-icmp", 128
	}
	if from.host {
		if to.host {
			p.In = "lo"
		}
		return p
	}
	p.In, p.PhysIn = from.bridge, from.port
	if !to.host {
		p.Out = to.bridge
		if to.bridge == from.bridge {
			p.PhysOut = to.port
		}
	}
	return p
}

// splitTarget reads host:8006/tcp, [2001:db8::1]:53/udp and host/ping.
func splitTarget(text string) (name string, port uint16, proto string, err error) {
	wrong := func(why string) error {
		return problem.New(problem.InvalidRequest, "write WHO:PORT/tcp, WHO:PORT/udp or WHO/ping, as in host:8006/tcp or [2001:db8::1]:22/tcp",
			"cannot test the firewall: the destination %q %s", text, why)
	}
	rest, proto, ok := strings.Cut(text, "/")
	if !ok {
		proto = "tcp"
	}
	switch {
	case proto == "ping":
		return strings.Trim(rest, "[]"), 0, proto, nil
	case !slices.Contains([]string{"tcp", "udp"}, proto):
		return "", 0, "", wrong(fmt.Sprintf("has the protocol %q: allowed are tcp, udp and ping", proto))
	}
	i := strings.LastIndex(rest, ":")
	if i < 0 {
		return "", 0, "", wrong("has no port")
	}
	n, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil || n == 0 {
		return "", 0, "", wrong(fmt.Sprintf("has the port %q: allowed are 1 to 65535", rest[i+1:]))
	}
	name = rest[:i]
	if strings.Contains(name, ":") && !strings.HasPrefix(name, "[") {
		return "", 0, "", wrong("has an IPv6 address without brackets")
	}
	return strings.Trim(name, "[]"), uint16(n), proto, nil
}

// Route is how a caller's packets reach the host.
type Route struct{ From, To netip.AddrPort }

// packet is the first one of a new connection over the route.
func (r Route) packet(doc *platform.Platform) netfw.Packet {
	at := places{s: doc.Spec, family: familyOf("", r.From.Addr().String())}
	from, err := at.address(r.From.Addr())
	if err != nil || from.host {
		from = at.public(r.From.Addr().Unmap(), uplink)
	}
	return between(from, place{host: true, addr: r.To.Addr().Unmap()}, r.To.Port(), "tcp")
}

// Drops says whether a profile's rules for the host itself drop a new connection
// over the route, and by which rule.
func Drops(doc *platform.Platform, profile netfw.Profile, r Route) (rule string, drops bool) {
	c := phase.Rules(doc)
	c.Profile, c.Parts = profile, netfw.PartInput
	set, err := netfw.Rules(c)
	if err != nil {
		return "", false // no rules are loaded from such a document
	}
	d, err := netfw.Decide(set, r.packet(doc))
	return d.Text, err == nil && d.Verdict == netfw.Drop
}
