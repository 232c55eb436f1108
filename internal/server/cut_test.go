package server

import (
	"cmp"
	"net/netip"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
)

func parsed(t testing.TB, change func(*platform.Platform)) *platform.Platform {
	t.Helper()
	p, err := platform.Parse("platform.yaml", example(t))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(p)
	}
	return p
}

func tlsFrom(remote, local string) Connection {
	return Connection{Remote: netip.MustParseAddrPort(remote), Local: netip.MustParseAddrPort(local)}
}

func sshFrom(remote, local string) Connection {
	c := tlsFrom(remote, local)
	c.SSH = true
	return c
}

func TestWhatWouldCutTheCallersConnection(t *testing.T) {
	moved := func(p *platform.Platform) {
		p.Spec.Network.Internal.CIDR = netip.MustParsePrefix("10.20.0.0/24")
		p.Spec.Network.Internal.Address = netip.MustParseAddr("10.20.0.1")
	}
	narrowed := func(p *platform.Platform) { p.Spec.Network.Internal.CIDR = netip.MustParsePrefix("10.10.0.0/26") }
	otherPort := func(p *platform.Platform) { p.Spec.Waddled.Port = 8443 }
	sshPort := func(p *platform.Platform) { p.Spec.Host.SSH.Port = 2222 }
	office := func(p *platform.Platform) {
		p.Spec.Lockdown.SSHFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	}
	teleport := func(p *platform.Platform) { p.Spec.Network.Addresses.Teleport = netip.MustParseAddr("10.10.0.3") }
	const api, ci = "10.10.0.1:7443", "10.10.0.2:40000"
	for _, c := range []struct {
		name   string
		caller Connection
		change func(*platform.Platform)
		phases []int
		in     netfw.Profile // "" is none yet
		cut    string        // a part of the reason; empty when it goes on
	}{
		{"a local process", Connection{}, moved, nil, "", ""},
		{"a process at the end of a tunnel to localhost", tlsFrom("127.0.0.1:5000", "127.0.0.1:7443"), moved, nil, "", ""},
		{"the API over TLS when nothing changes", tlsFrom(ci, api), nil, nil, "", ""},
		{"the API over TLS when its address moves", tlsFrom(ci, api), moved, nil, "", "internal address becomes 10.20.0.1"},
		{"the API over TLS when its port moves", tlsFrom(ci, api), otherPort, nil, "", "port 8443"},
		{"the API over TLS when the internal network no longer has the caller", tlsFrom("10.10.0.200:40000", api), narrowed, nil, "", "caller comes from 10.10.0.200"},
		{"the API over TLS when the internal network still has the caller", tlsFrom(ci, api), narrowed, nil, "", ""},
		{"the API over TLS when only phase 0 is carried out", tlsFrom(ci, api), moved, []int{0}, "", ""},
		{"the API over TLS when SSH's port changes", tlsFrom(ci, api), sshPort, nil, "", ""},
		{"SSH on the port that is open", sshFrom("192.0.2.7:50000", "203.0.113.10:22"), nil, nil, "", ""},
		{"SSH on the public address when the internal one moves", sshFrom("192.0.2.7:50000", "203.0.113.10:22"), moved, nil, "", ""},
		{"SSH on a port that phase 0 does not open", sshFrom("192.0.2.7:50000", "203.0.113.10:2222"), nil, nil, "", "let SSH in on port 22"},
		{"SSH on a port that the new document closes", sshFrom("192.0.2.7:50000", "203.0.113.10:22"), sshPort, nil, "", "let SSH in on port 2222"},
		{"SSH on a port that phase 0 does not open when only phase 1 is carried out", sshFrom("192.0.2.7:50000", "203.0.113.10:2222"), nil, []int{1}, "", ""},
		{"SSH from a network that is no longer let in", sshFrom("192.0.2.7:50000", "203.0.113.10:22"), office, nil, "", "do not let a new connection in from 192.0.2.7"},
		{"SSH from a network that is let in", sshFrom("198.51.100.9:50000", "203.0.113.10:22"), office, nil, "", ""},
		{"SSH over IPv6 from everywhere", sshFrom("[2001:db8::7]:50000", "[2001:db8:113::10]:22"), nil, nil, "", ""},
		{"SSH over IPv6 when only an IPv4 network is let in", sshFrom("[2001:db8::7]:50000", "[2001:db8:113::10]:22"), office, nil, "", "in from 2001:db8::7"},
		{"SSH from an IPv4 address in IPv6 clothes", sshFrom("[::ffff:198.51.100.9]:50000", "[::ffff:203.0.113.10]:22"), office, nil, "", ""},
		{"SSH to the internal address when that moves", sshFrom(ci, "10.10.0.1:22"), moved, nil, "", "internal address becomes 10.20.0.1"},
		{"SSH to the internal address when it stays", sshFrom(ci, "10.10.0.1:22"), nil, nil, "", ""},
		{"SSH through Teleport when the public side is let in from the office alone", sshFrom(ci, "10.10.0.1:22"), office, nil, "", ""},
		{"the same in lockdown", sshFrom(ci, "10.10.0.1:22"), office, nil, netfw.Lockdown, ""},
		{"in lockdown, the API from the Teleport VM", tlsFrom(ci, api), nil, nil, netfw.Lockdown, ""},
		{"in lockdown, the API from the Teleport VM, which gets another address", tlsFrom(ci, api), teleport, nil, netfw.Lockdown, "profile lockdown do not let a new connection in from 10.10.0.2"},
		{"in lockdown, SSH from the Teleport VM, which gets another address", sshFrom(ci, "10.10.0.1:22"), teleport, nil, netfw.Lockdown, "profile lockdown do not let a new connection in from 10.10.0.2"},
		{"in lockdown, from the Teleport VM, when only phase 1 is carried out", tlsFrom(ci, api), teleport, []int{1}, netfw.Lockdown, ""},
		{"in an emergency, the document is put right", sshFrom("192.0.2.7:50000", "203.0.113.10:22"), teleport, nil, netfw.Emergency, ""},
		{"in the open profile", sshFrom("192.0.2.7:50000", "203.0.113.10:2222"), nil, nil, netfw.Open, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantCut(t, CutsConnection(c.caller, parsed(t, nil), parsed(t, c.change), c.phases, cmp.Or(c.in, firewall.None)), c.cut)
		})
	}
}

func TestWhatAnUndoWouldCut(t *testing.T) {
	now := parsed(t, nil)
	for _, c := range []struct {
		name   string
		caller Connection
		phases []int
		cut    string
	}{
		{"phase 1 and the API over TLS", tlsFrom("10.10.0.2:40000", "10.10.0.1:7443"), []int{1}, "takes away 10.10.0.1 on vmbr1"},
		{"phase 1 and SSH to the internal address", sshFrom("10.10.0.2:40000", "10.10.0.1:22"), []int{1}, "takes away 10.10.0.1"},
		{"phase 1 and SSH to the public address", sshFrom("192.0.2.7:40000", "203.0.113.10:22"), []int{1}, ""},
		{"phase 0, which only opens", tlsFrom("10.10.0.2:40000", "10.10.0.1:7443"), []int{0}, ""},
		{"phase 1 and a local process", Connection{}, []int{1}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { wantCut(t, UndoCutsConnection(c.caller, now, c.phases), c.cut) })
	}
}

func wantCut(t *testing.T, got, want string) {
	t.Helper()
	if want == "" && got != "" || want != "" && !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACutIsRefusedUnlessForced(t *testing.T) {
	w := newWorld(t).withPlatform()
	const odd = "Waddle-SSH-Connection: 192.0.2.7 50000 203.0.113.10 2222"
	const internal = "Waddle-SSH-Connection: 10.10.0.2 50000 10.10.0.1 22"
	c, doc := w.root(), string(example(t))+"# more\n"
	p := c.do("PUT", "/v1/platform", doc, "If-Match: *", odd).problem(409, "would_cut_connection")
	if !strings.Contains(p.Hint, "force") {
		t.Errorf("the hint is %q", p.Hint)
	}
	if data, _, _, err := w.store.Read(); err != nil || string(data) == doc {
		t.Errorf("the refused document was written (%v)", err)
	}
	c.do("PUT", "/v1/platform?force=true", doc, "If-Match: *", odd).want(200)
	c.do("POST", "/v1/apply", `{"through":1}`, odd).problem(409, "would_cut_connection")
	c.do("POST", "/v1/phases/0/run", `{}`, odd).problem(409, "would_cut_connection")
	c.do("POST", "/v1/phases/1/run?wait=60s", `{}`, odd).want(200)
	c.do("POST", "/v1/apply?wait=60s", `{"through":1,"force":true}`, odd).want(200)
	c.do("POST", "/v1/phases/1/undo", `{}`, internal).problem(409, "would_cut_connection")
	c.do("POST", "/v1/phases/1/undo?wait=60s", `{"force":true}`, internal).want(200)
	c.do("POST", "/v1/apply", "{}", "Waddle-SSH-Connection: nonsense").problem(400, "invalid_request")
}

// A caller over TLS cannot talk the server into another connection.
func TestTheSSHHeaderCountsOnTheUnixSocketOnly(t *testing.T) {
	w := newWorld(t).withPlatform()
	secret, _ := w.token("ci", "operate")
	w.with(secret).do("POST", "/v1/phases/0/run?wait=60s", "{}", "Waddle-SSH-Connection: 192.0.2.7 50000 203.0.113.10 2222").want(200)
}
