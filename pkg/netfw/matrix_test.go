package netfw

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// TestWhoMayReachWhat tries every cell of the table with real packets, where
// the bridge hands its frames to iptables and where it does not, and asks
// Decide about each.
func TestWhoMayReachWhat(t *testing.T) {
	cells := allCells(t)
	for _, behindFirewall := range []bool{false, true} {
		t.Run(fmt.Sprintf("bridge-nf-call-iptables %t", behindFirewall), func(t *testing.T) {
			s := newStage(t, behindFirewall)
			start := time.Now()
			w := s.world()
			sets := allSets(t)
			tried := s.tryAll(w, sets, cells, "all up", "arp")
			s.off("teleport", "node1")
			for _, thief := range []string{"rogue", "node2"} {
				s.take(thief, "add", "teleport", "node1")
				tried += s.tryAll(w, sets, cells, "as "+thief)
				s.take(thief, "del", "teleport", "node1")
			}
			if tried != len(cells) {
				t.Errorf("%d of %d cells tried", tried, len(cells))
			}
			t.Logf("%d cells tried with real packets in %s; Decide was asked about each", tried, time.Since(start).Round(10*time.Millisecond))
		})
	}
}

// tryAll tries the cells of the acts in every profile, and returns how many.
func (s *stage) tryAll(w *world, sets map[string]RuleSet, cells []cell, acts ...string) int {
	s.t.Helper()
	tried := 0
	for _, profile := range columns {
		if err := s.LoadRules(context.Background(), sets[profile]); err != nil {
			s.t.Fatal(err)
		}
		counted := map[Family]uint64{}
		for _, act := range acts {
			s.forget()
			var wg sync.WaitGroup
			for _, c := range cells {
				if c.profile != profile || c.act() != act {
					continue
				}
				tried++
				if c.want == 'c' {
					counted[c.family]++
				}
				s.agrees(w, sets[profile], c)
				wg.Go(func() { s.try(w, c) })
			}
			wg.Wait()
		}
		s.wantCounted(profile, counted)
	}
	return tried
}

// forget empties everybody's neighbour tables, and what the host knows of
// connections: a datagram from a port that was used a profile earlier would pass
// as one of a connection that was let in then.
func (s *stage) forget() {
	s.t.Helper()
	if err := netlink.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		s.t.Fatalf("cannot flush the connection tracking: %v", err)
	}
	var wg sync.WaitGroup
	for _, name := range append(keysOf(s.peers), "host") {
		wg.Go(func() {
			err := s.actors[name].do(func() error { return exec.Command("ip", "neigh", "flush", "all").Run() })
			if err != nil {
				s.t.Errorf("%s: cannot flush the neighbours: %v", name, err)
			}
		})
	}
	wg.Wait()
}

// agrees compares Decide with the table.
func (s *stage) agrees(w *world, set RuleSet, c cell) {
	s.t.Helper()
	got, d := w.outcome(set, c)
	if want := c.comesAbout(s.behindFirewall); got != want || c.want == 'c' && d.Text != internalDrop {
		s.t.Errorf("%s: Decide says %t (%s %s), the table %c", c, got, d.Chain, d.Text, c.want)
	}
}

// internalDrop is the rule that counts what the internal bridge is refused.
const internalDrop = "-i vmbr1 -j DROP"

// try sends the cell's packets. What should come about and does not is tried
// again with more time, as this machine may be busy; what should not gets one.
func (s *stage) try(w *world, c cell) {
	want := c.comesAbout(s.behindFirewall)
	from, to := s.actors[c.from], s.actors[c.to]
	a := attempt{s: s, f: c.family, from: from, to: to, what: c.what, n: c.n,
		src: w.address(c.as, from, c.family), dst: w.address(c.at, to, c.family)}
	for _, a.timeout = range []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second} {
		got, err := a.succeeds()
		if err != nil {
			s.t.Errorf("%s: %v", c, err)
			return
		}
		if got == want {
			return
		}
		if got {
			break
		}
	}
	s.t.Errorf("%s: the table says %c, real packets %t", c, c.want, !want)
}

// wantCounted reads the counter of the rule for the internal bridge.
func (s *stage) wantCounted(profile string, want map[Family]uint64) {
	s.t.Helper()
	seen, err := s.Seen(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range seen.Chains {
		for _, r := range c.Rules {
			if c.Name == inputChain && r.Rule == internalDrop && r.Packets < want[c.Family] {
				s.t.Errorf("%s, %s: the internal bridge was refused %d packets, %d cells are", profile, c.Family, r.Packets, want[c.Family])
			}
		}
	}
}

func (s *stage) off(names ...string) {
	for _, n := range names {
		s.peers[n].run("ip link set eth0 down")
	}
}

// take has the thief add the owners' addresses, or delete them again.
func (s *stage) take(thief, verb string, owners ...string) {
	for _, n := range owners {
		s.peers[thief].run(fmt.Sprintf("ip addr %[1]s %[2]s/32 dev eth0; ip addr %[1]s %[3]s/128 dev eth0", verb, s.actors[n].v4, s.actors[n].v6))
	}
}

// world is the stage without its namespaces.
func (s *stage) world() *world {
	w := &world{t: s.t, actors: s.actors, behindFirewall: s.behindFirewall, link: map[string]netip.Addr{}}
	for name, link := range map[string]string{"internet": "eth0", "rogue": "eth0", "host": "vmbr0", "host-internal": "vmbr1"} {
		if err := s.actors[name].do(func() (err error) { w.link[name], err = linkLocal(link); return err }); err != nil {
			s.t.Fatal(err)
		}
	}
	return w
}

func linkLocal(name string) (netip.Addr, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Addr{}, err
	}
	addrs, err := link.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsLinkLocalUnicast() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no link-local address", name)
}
