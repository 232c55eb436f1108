package netfw

import (
	"fmt"
	"testing"
)

// TestTheOperatorsOwnNetworksKeepWorking has a VM on the public bridge, and a
// bridge of the operator's with a forwarded port and a masquerade of its own.
func TestTheOperatorsOwnNetworksKeepWorking(t *testing.T) {
	for _, callIptables := range []string{"0", "1"} {
		t.Run("bridge-nf-call-iptables "+callIptables, func(t *testing.T) {
			s := newSite(t)
			run(t, fmt.Sprintf("sysctl -qw net.bridge.bridge-nf-call-iptables=%[1]s net.bridge.bridge-nf-call-ip6tables=%[1]s", callIptables))
			run(t, `ip link add vmbr2 type bridge; ip addr add 172.20.0.1/24 dev vmbr2; ip link set vmbr2 up
				iptables -t nat -A PREROUTING -i vmbr0 -p tcp --dport 8443 -j DNAT --to-destination 172.20.0.2:2379
				iptables -t nat -A POSTROUTING -s 172.20.0.0/24 -o vmbr0 -j MASQUERADE`)
			teleport := newPeer(t, "tap100i0", "vmbr0", "203.0.113.20/24", "2001:db8::20/64 nodad")
			teleport.serve("[::]:443")
			own := newPeer(t, "tap200i0", "vmbr2", "172.20.0.2/24")
			own.run("ip route add default via 172.20.0.1")
			own.serve("[::]:2379")
			s.internet.run("ip route add 172.20.0.0/24 via 203.0.113.10")
			s.applyAll(Consent{})
			s.plugVMs()
			for _, p := range []struct {
				what string
				from *peer
				to   string
				want bool
			}{
				{"the internet reaches a VM on the public bridge", s.internet, "203.0.113.20:443", true},
				{"the same over IPv6", s.internet, "[2001:db8::20]:443", true},
				{"a forwarded port of the operator's works", s.internet, "203.0.113.10:8443", true},
				{"the operator's bridge goes out", own, "203.0.113.1:80", true},
				{"the operator's bridge does not reach the internal one", own, "10.10.0.10:2379", false},
				{"the internal bridge does not reach the operator's", s.vm, "172.20.0.2:2379", false},
				{"nobody is routed in from the public side", s.internet, "172.20.0.2:2379", false},
				{"the internal bridge reaches the VM on the public bridge", s.vm, "203.0.113.20:443", true},
			} {
				if got := p.from.reaches(p.to, p.want); got != p.want {
					t.Errorf("%s: reached %t", p.what, got)
				}
			}
		})
	}
}

// TestIPv6IsNotForwardedToTheInternalBridge has an operator who switched IPv6
// forwarding on. In the open profile the connections come about, so it is the
// rules that close them.
func TestIPv6IsNotForwardedToTheInternalBridge(t *testing.T) {
	s := newSite(t)
	s.applyAll(Consent{})
	s.plugVMs()
	run(t, "sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.vmbr1.accept_dad=0; ip addr add fd00::1/64 dev vmbr1 nodad")
	s.internet.run("ip -6 route add fd00::/64 via 2001:db8::10")
	s.vm.run("ip -6 route add default via fd00::1")
	both := func(want bool) {
		t.Helper()
		if got := s.internet.reaches("[fd00::10]:2379", want); got != want {
			t.Errorf("from the internet: reached %t, want %t", got, want)
		}
		if got := s.vm.reaches("[2001:db8::1]:80", want); got != want {
			t.Errorf("to the internet: reached %t, want %t", got, want)
		}
		if got := s.internet.reaches("10.10.0.10:2379", want); got != want {
			t.Errorf("from the internet over IPv4: reached %t, want %t", got, want)
		}
	}
	both(false)
	open := with(func(c *RuleConfig) { c.Profile = Open; c.Parts = PartInput | PartForward })
	s.applyRules(open, Consent{})
	both(true)
	s.applyRules(planConfig(), Consent{})
	both(false)
}
