package netfw

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// actor is somebody with a network namespace, a place on a bridge and addresses.
type actor struct {
	name   string
	place  *os.File // the namespace
	bridge string
	port   string // tap102i1; "" is the host
	v4, v6 netip.Addr
}

func (a *actor) addr(f Family) netip.Addr {
	if f == IPv6 {
		return a.v6
	}
	return a.v4
}

// do calls f on a thread in the actor's namespace.
func (a *actor) do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		if err := unix.Setns(int(a.place.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// stage is a host with two bridges of ours and one of the operator's, and all
// who may want to reach something. With behindFirewall every VM has a bridge of
// its own in between, as Proxmox plugs a NIC whose firewall flag is on.
type stage struct {
	*host
	behindFirewall bool
	actors         map[string]*actor
	peers          map[string]*peer // by namespace
	got            receipts
}

// newStage sets arp_ignore to 1: with 0 the host answers for its address also on a
// VM's own bridge, and the VM then does not come in by vmbr1.
func newStage(t testing.TB, behindFirewall bool) *stage {
	s := &stage{host: newHost(t), behindFirewall: behindFirewall, actors: stageActors(), peers: map[string]*peer{}}
	s.got.nonces = map[string]bool{}
	nf := "0"
	if behindFirewall {
		nf = "1"
	}
	run(t, fmt.Sprintf(`
		sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0
		sysctl -qw net.bridge.bridge-nf-call-iptables=%[1]s net.bridge.bridge-nf-call-ip6tables=%[1]s net.ipv4.icmp_ratelimit=0 net.ipv4.conf.all.arp_ignore=1
		for b in vmbr0 vmbr1 vmbr2; do ip link add $b type bridge; ip link set $b up; done
		ip addr add 203.0.113.10/24 dev vmbr0; ip addr add 2001:db8::10/64 dev vmbr0 nodad
		ip addr add 10.10.0.1/24 dev vmbr1; ip addr add fd00::1/64 dev vmbr1 nodad
		ip addr add 172.20.0.1/24 dev vmbr2; ip addr add fd02::1/64 dev vmbr2 nodad
		ip route add 198.51.100.0/24 via 203.0.113.66; ip -6 route add 2001:db8:7::/48 via 2001:db8::66`, nf))
	s.people()
	s.operator()
	s.listeners()
	return s
}

// stageActors are all who may want to reach something, without a namespace yet.
func stageActors() map[string]*actor {
	out := map[string]*actor{}
	for _, line := range strings.Split(strings.TrimSpace(`
host            vmbr0 -        203.0.113.10 2001:db8::10
host-internal   vmbr1 -        10.10.0.1    fd00::1
self            lo    -        127.0.0.1    ::1
internet        vmbr0 up0      203.0.113.1  2001:db8::1
neighbour       vmbr0 up1      203.0.113.66 2001:db8::66
friend          vmbr0 up1      198.51.100.7 2001:db8::7
colleague       vmbr0 up1      198.51.100.8 2001:db8:7::1
untracked       vmbr0 up1      203.0.113.77 2001:db8::77
other           vmbr2 veth9    172.20.0.2   fd02::2
teleport        vmbr1 tap102i1 10.10.0.2    fd00::2
teleport-public vmbr0 tap102i0 203.0.113.20 2001:db8::20
node1           vmbr1 tap110i0 10.10.0.10   fd00::10
node2           vmbr1 tap111i0 10.10.0.11   fd00::11
node3           vmbr1 tap112i0 10.10.0.12   fd00::12
ops             vmbr1 tap120i0 10.10.0.50   fd00::50
rogue           vmbr1 tap666i0 10.10.0.99   fd00::99
vip             -     -        10.10.0.20   fd00::20
branch          -     -        10.20.0.7    fd20::7
foreign         -     -        172.31.0.5   fd09::5`), "\n") {
		w := strings.Fields(strings.ReplaceAll(line, " - ", ` "" `))
		out[w[0]] = &actor{name: w[0], bridge: strings.Trim(w[1], `"-`), port: strings.Trim(w[2], `"-`), v4: addr(w[3]), v6: addr(w[4])}
	}
	return out
}

// people plugs everybody in.
func (s *stage) people() {
	self, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { self.Close() })
	for _, name := range []string{"host", "host-internal", "self"} {
		s.actors[name].place = self
	}
	for _, name := range []string{"internet", "neighbour", "other", "teleport", "node1", "node2", "node3", "ops", "rogue"} {
		s.plug(s.actors[name])
	}
	s.also("neighbour", "friend", "colleague", "untracked")
	s.secondNIC()
	s.peers["neighbour"].run("ip route add 10.10.0.0/24 via 203.0.113.10; ip route add 172.20.0.0/24 via 203.0.113.10; ip -6 route add fd00::/64 via 2001:db8::10; ip -6 route add fd02::/64 via 2001:db8::10")
	for name, p := range s.peers {
		switch s.actors[name].bridge {
		case "vmbr1":
			p.run("ip route add default via 10.10.0.1; ip -6 route add default via fd00::1")
		case "vmbr2":
			p.run("ip route add default via 172.20.0.1; ip -6 route add default via fd02::1")
		}
	}
}

func (s *stage) plug(a *actor) {
	s.t.Helper()
	master := a.bridge
	if s.behindFirewall && a.bridge == "vmbr1" {
		master = s.firewallBridge(a.port, a.bridge)
	}
	p := newPeer(s.t, a.port, master, a.v4.String()+"/24", a.v6.String()+"/64 nodad")
	place, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", p.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { place.Close() })
	s.peers[a.name], a.place = p, place
}

// firewallBridge makes what Proxmox makes between a VM and its bridge.
func (s *stage) firewallBridge(port, bridge string) string {
	n := firewallNames(port)
	run(s.t, fmt.Sprintf("ip link add %[1]s type bridge; ip link set %[1]s up; ip link add %[2]s type veth peer name %[3]s; ip link set %[2]s master %[1]s up; ip link set %[3]s master %[4]s up",
		n.fwbr, n.fwln, n.fwpr, bridge))
	return n.fwbr
}

type fwNames struct{ fwbr, fwln, fwpr string }

// firewallNames of tap102i1 are fwbr102i1, fwln102i1 and fwpr102p1.
func firewallNames(tap string) fwNames {
	id := strings.TrimPrefix(tap, "tap")
	return fwNames{"fwbr" + id, "fwln" + id, "fwpr" + strings.Replace(id, "i", "p", 1)}
}

// also gives the same machine the others' addresses.
func (s *stage) also(owner string, names ...string) {
	for _, name := range names {
		a := s.actors[name]
		s.peers[owner].run(fmt.Sprintf("ip addr add %s/32 dev eth0; ip addr add %s/128 dev eth0 nodad", a.v4, a.v6))
		a.place = s.actors[owner].place
	}
}

// secondNIC is the Teleport VM's public side.
func (s *stage) secondNIC() {
	p := s.peers["teleport"]
	run(s.t, fmt.Sprintf("ip link add tap102i0 type veth peer name eth1 netns %d; ip link set tap102i0 master vmbr0 up", p.pid))
	p.run("sysctl -qw net.ipv6.conf.eth1.accept_dad=0 net.ipv4.conf.all.rp_filter=0; ip link set eth1 up; ip addr add 203.0.113.20/24 dev eth1; ip addr add 2001:db8::20/64 dev eth1 nodad")
	s.actors["teleport-public"].place = s.actors["teleport"].place
}

// operator has rules of their own: a forwarded port, a network that is tracked
// no more, one port between VMs that they close where the chain is asked, and
// what Proxmox's manual asks for where VMs behind a firewall bridge are
// masqueraded (their packets are tracked on that bridge in a zone of its own).
func (s *stage) operator() {
	run(s.t, `
iptables -t nat -A PREROUTING -i vmbr0 -d 203.0.113.10 -p tcp --dport 8443 -j DNAT --to-destination 172.20.0.2:2379
ip6tables -t nat -A PREROUTING -i vmbr0 -d 2001:db8::10 -p tcp --dport 8443 -j DNAT --to-destination [fd02::2]:2379
iptables -t raw -A PREROUTING -i fwbr+ -j CT --zone 1
iptables -t raw -A PREROUTING -s 203.0.113.77 -p icmp -j CT --notrack
iptables -A FORWARD -i vmbr1 -o vmbr1 -m physdev --physdev-is-bridged -p tcp --dport 2380 -j DROP
ip6tables -A FORWARD -i vmbr1 -o vmbr1 -m physdev --physdev-is-bridged -p tcp --dport 2380 -j DROP`)
}

// receipts are the one-way packets that came to their end.
type receipts struct {
	sync.Mutex
	nonces map[string]bool
}

func (r *receipts) note(n string) {
	r.Lock()
	defer r.Unlock()
	r.nonces[n] = true
}

func (r *receipts) has(n string) bool {
	r.Lock()
	defer r.Unlock()
	return r.nonces[n]
}

// listeners start the services.
func (s *stage) listeners() {
	start := func(a *actor, f func() error) {
		if err := a.do(f); err != nil {
			s.t.Fatalf("%s: %v", a.name, err)
		}
	}
	host := s.actors["host"]
	for _, port := range []int{22, 8006, 7443, 3260, 2222, 9999} {
		start(host, func() error { serve(s.t, fmt.Sprintf("[::]:%d", port)); return nil })
	}
	for name := range s.peers {
		for _, port := range []int{80, 2379, 2380} {
			start(s.actors[name], func() error { serve(s.t, fmt.Sprintf("[::]:%d", port)); return nil })
		}
	}
	for _, name := range append([]string{"host"}, keysOf(s.peers)...) {
		for _, port := range []int{53, 546, 2379, 9999} {
			start(s.actors[name], func() error { return s.serveUDP(port) })
		}
		for _, network := range []string{"ip4:tcp", "ip6:tcp", "ip4:icmp", "ip6:ipv6-icmp"} {
			start(s.actors[name], func() error { return s.hear(network) })
		}
	}
}

func keysOf[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// serveUDP notes what arrives and sends it back.
func (s *stage) serveUDP(port int) error {
	c, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
	if err != nil {
		return err
	}
	s.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			s.got.note(nonceIn(b[:n]))
			if strings.HasPrefix(string(b[:n]), "echo") {
				_, _ = c.WriteTo(b[:n], from)
			}
		}
	}()
	return nil
}

// hear notes the nonces of raw packets that have passed the filter.
func (s *stage) hear(network string) error {
	c, err := net.ListenPacket(network, map[bool]string{true: "::", false: "0.0.0.0"}[strings.HasPrefix(network, "ip6")])
	if err != nil {
		return err
	}
	s.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			s.got.note(nonceIn(b[:n]))
		}
	}()
	return nil
}

// nonceIn finds what newNonce made.
func nonceIn(b []byte) string {
	if i := strings.Index(string(b), "nonce-"); i >= 0 && len(b) >= i+14 {
		return string(b[i : i+14])
	}
	return ""
}
