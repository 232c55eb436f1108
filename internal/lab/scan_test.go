package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// What the scan does not find on an open host, it would not find behind a firewall
// either: this is what gives the proof its weight.
func TestAScanFindsEveryOpenPortOfAFreshHost(t *testing.T) {
	l := startLab(t, Options{Name: "scanfresh"})
	for _, target := range []netip.Addr{HostAddr, HostAddr6} {
		s, err := ScanPorts(t.Context(), l.Scanner, target, AllPorts())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d ports probed with %d packets in %s: open %v, %d refused, %d silent",
			target, s.Probed, s.Sent, s.Duration.Round(1e6), s.Open, s.Refused, s.Silent)
		if !slices.Equal(s.Open, HostPorts) {
			t.Errorf("%s: open ports are %v, want %v", target, s.Open, HostPorts)
		}
		if s.Refused != 65535-len(HostPorts) || s.Silent != 0 {
			t.Errorf("%s: %d refused and %d silent: answers got lost on the way", target, s.Refused, s.Silent)
		}
	}
}

func TestAScanTellsSilentAndRejectedPortsFromOpenOnes(t *testing.T) {
	l := startLab(t, Options{Name: "scanrules"})
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, rule := range []string{
			"-p tcp --dport 8006 -j DROP",
			"-p tcp --dport 3128 -j REJECT",
			"-p tcp --dport 111 -j REJECT --reject-with tcp-reset",
			"-p tcp --dport 1000:60000 -j DROP",
		} {
			if _, err := l.Host.Run(t.Context(), "sh", "-c", program+" -A INPUT "+rule); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, target := range []netip.Addr{HostAddr, HostAddr6} {
		s, err := ScanPorts(t.Context(), l.Scanner, target, AllPorts())
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("open %v, %d refused, %d silent", s.Open, s.Refused, s.Silent)
		if want := "open [22], 6533 refused, 59001 silent"; got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
		t.Logf("%s: %s in %s", target, got, s.Duration.Round(1e6))
	}
}

func TestPingCountsTheAnswers(t *testing.T) {
	l := startLab(t, Options{Name: "ping"})
	for _, target := range []netip.Addr{HostAddr, HostAddr6} {
		if n, err := Ping(t.Context(), l.Scanner, target, 3); err != nil || n != 3 {
			t.Errorf("%d of 3 answers from %s, %v", n, target, err)
		}
	}
	if _, err := l.Host.Run(t.Context(), "iptables", "-A", "INPUT", "-p", "icmp", "-j", "DROP"); err != nil {
		t.Fatal(err)
	}
	if n, err := Ping(t.Context(), l.Scanner, HostAddr, 2); err != nil || n != 0 {
		t.Errorf("%d of 2 answers through a rule that drops them, %v", n, err)
	}
}
