package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// place is an end of a connection as the rules see it.
type place struct {
	host   bool
	addr   netip.Addr
	bridge string // that its packets come in by, or leave by
	port   string // of the bridge
}

// The internet's stand-ins are of the networks for documentation (RFC 5737, RFC
// 3849): nobody's zone and nobody's exception.
var (
	internet4 = netip.MustParseAddr("192.0.2.1")
	internet6 = netip.MustParseAddr("2001:db8:ffff:ffff::1")
)

// stranger and uplink are ports that no pin knows.
const (
	stranger = "tap0"
	uplink   = "uplink"
)

// places knows the platform's names.
type places struct {
	s      platform.Spec
	family netfw.Family
}

// find resolves a name or an address. other is the far end's bridge, "" when it
// is not known: it says which of the host's addresses is meant.
func (p places) find(text, other string) (place, error) {
	name := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(text, "vm "), "vm:"))
	switch {
	case name == "internet":
		return p.public(p.pick(internet4, internet6), uplink), nil
	case name == "host":
		return p.host(other)
	case name == "teleport":
		return p.vm(p.s.TeleportVM())
	case strings.HasPrefix(name, "node-"):
		nodes := p.s.Nodes()
		n, err := strconv.Atoi(strings.TrimPrefix(name, "node-"))
		if err != nil || n < 1 || n > len(nodes) {
			return place{}, problem.New(problem.NotFound, fmt.Sprintf("write node-1 to node-%d", len(nodes)), "cannot test the firewall: there is no %s", name)
		}
		return p.vm(nodes[n-1])
	}
	if m, ok := p.machine(func(m platform.Machine) bool { return string(m.Name) == name || strconv.Itoa(int(m.ID)) == name }); ok {
		return p.vm(m)
	}
	a, err := netip.ParseAddr(name)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return place{}, problem.New(problem.NotFound, "write internet, host, teleport, node-1 and up, a VM's name or number, or an address",
			"cannot test the firewall: %q is neither a name of this platform nor an address", text)
	}
	return p.address(a)
}

func (p places) pick(v4, v6 netip.Addr) netip.Addr {
	if p.family == netfw.IPv6 {
		return v6
	}
	return v4
}

func (p places) internal() string { return string(p.s.Network.Internal.Bridge) }

func (p places) outside() string { return string(p.s.Network.Public.Bridge) }

func (p places) public(a netip.Addr, port string) place {
	return place{addr: a, bridge: p.outside(), port: port}
}

func (p places) host(other string) (place, error) {
	n := p.s.Network
	h := place{host: true, addr: n.Public.IPv4.Address.Addr()}
	switch {
	case p.family == netfw.IPv4 && other == p.internal():
		h.addr = n.Internal.Address
	case p.family == netfw.IPv6 && n.Public.IPv6 == nil:
		return h, noIPv6("the host")
	case p.family == netfw.IPv6:
		h.addr = n.Public.IPv6.Address.Addr()
	}
	return h, nil
}

func noIPv6(who string) error {
	return problem.New(problem.NotFound, "name an address, with %"+"BRIDGE behind it when it is on the internal bridge, or leave the family out",
		"cannot test the firewall over IPv6: the platform document gives %s no IPv6 address there", who)
}

func (p places) vm(m platform.Machine) (place, error) {
	if p.family == netfw.IPv6 {
		return place{}, noIPv6("the VM " + string(m.Name))
	}
	return place{addr: m.Address, bridge: p.internal(), port: p.port(m, p.internal())}, nil
}

// port is what Proxmox calls the port of a VM on a bridge.
func (p places) port(m platform.Machine, bridge string) string {
	i := slices.IndexFunc(m.NICs, func(n platform.NIC) bool { return string(n.Bridge) == bridge })
	return fmt.Sprintf("tap%di%d", m.ID, max(i, 0))
}

func (p places) machine(is func(platform.Machine) bool) (platform.Machine, bool) {
	all := append([]platform.Machine{p.s.TeleportVM()}, p.s.Nodes()...)
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return platform.Machine{}, false
	}
	return all[i], true
}

// address finds out where an address is. One with a zone is on that bridge.
func (p places) address(a netip.Addr) (place, error) {
	zone, n := a.Zone(), p.s.Network
	a = a.WithZone("").Unmap()
	switch {
	case zone != "" && zone != p.internal() && zone != p.outside():
		return place{}, problem.New(problem.NotFound, fmt.Sprintf("write %s or %s behind the %%", p.internal(), p.outside()),
			"cannot test the firewall: the platform has no bridge %s", zone)
	case p.isHost(a):
		return place{host: true, addr: a}, nil
	case a == n.FlexibleIP.Address || n.FlexibleIP.IPv6 != nil && a == n.FlexibleIP.IPv6.Address.Addr():
		return p.public(a, p.port(p.s.TeleportVM(), p.outside())), nil
	}
	if m, ok := p.machine(func(m platform.Machine) bool { return m.Address == a }); ok {
		return place{addr: a, bridge: p.internal(), port: p.port(m, p.internal())}, nil
	}
	if zone == p.internal() || zone == "" && n.Internal.CIDR.Contains(a) {
		return place{addr: a, bridge: p.internal(), port: stranger}, nil
	}
	return p.public(a, uplink), nil
}

func (p places) isHost(a netip.Addr) bool {
	n := p.s.Network
	return a == n.Internal.Address || a == n.Public.IPv4.Address.Addr() || a.IsLoopback() ||
		n.Public.IPv6 != nil && a == n.Public.IPv6.Address.Addr()
}
