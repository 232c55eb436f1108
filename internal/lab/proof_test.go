package lab

import (
	"strings"
	"testing"
)

// lockedDown is one way to have phases 0 and 1 on a host, written for this test alone:
// what the proof has to find good.
var lockedDown = []string{
	"sysctl -w net.ipv4.ip_forward=1",
	"ip link add vmbr1 type bridge && ip addr add 10.10.0.1/24 dev vmbr1 && ip link set vmbr1 up",
	"iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j MASQUERADE",
	"iptables -A INPUT -i vmbr0 -d 10.10.0.0/24 -j DROP",
	"iptables -A INPUT -i lo -j ACCEPT && iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	"iptables -A INPUT -i vmbr0 -p tcp --dport 22 -j ACCEPT && iptables -A INPUT -p icmp -j ACCEPT && iptables -A INPUT -j DROP",
	"iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	"iptables -A FORWARD -i vmbr1 -o vmbr0 -j ACCEPT && iptables -A FORWARD -j DROP",
	"ip6tables -A INPUT -i lo -j ACCEPT && ip6tables -A INPUT -p icmpv6 -j ACCEPT",
	"ip6tables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	"ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT && ip6tables -A INPUT -j DROP",
}

func typeOnHost(t *testing.T, l *Lab, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := l.Host.Run(t.Context(), "sh", "-c", line); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheProofPassesOnALockedHostAndFailsForEachHole(t *testing.T) {
	l := startLab(t, Options{Name: "proof"})
	typeOnHost(t, l, lockedDown...)
	before := snapshot(t, l)
	proof, err := l.Proof(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + proof.String())
	if !proof.Passed() {
		t.Error("the proof of a locked host failed")
	}
	if after := snapshot(t, l); after != before {
		t.Errorf("the proof left something on the host:\n%s\nbefore:\n%s", after, before)
	}
	for _, tc := range []struct{ name, do, undo, fails string }{
		{"no masquerade", "iptables -t nat -F", lockedDown[2], "loads a page"},
		{"a port open over IPv6 alone", "ip6tables -I INPUT -p tcp --dport 8006 -j ACCEPT", "ip6tables -D INPUT 1", "at 2001:db8:113::10"},
		{"a VM open to the internet", "iptables -I FORWARD -p tcp --dport 6443 -j ACCEPT", "iptables -D FORWARD 1", "10.10.0.251 can be reached"},
		{"the bridge's address open to the internet", "iptables -I INPUT -p tcp --dport 22 -j ACCEPT", "iptables -D INPUT 1", "10.10.0.1 can be reached"},
		{"pings let in", "iptables -I FORWARD -p icmp -j ACCEPT", "iptables -D FORWARD 1", "answers a ping"},
		{"datagrams let in", "iptables -I FORWARD -p udp -j ACCEPT", "iptables -D FORWARD 1", "no datagram"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			typeOnHost(t, l, tc.do)
			proof, err := l.proof(t.Context(), Ports{First: 1, Last: 9000})
			if err != nil {
				t.Fatal(err)
			}
			if proof.Passed() {
				t.Error("the proof passed")
			}
			for _, c := range proof.Checks {
				if want := !strings.Contains(c.Claim, tc.fails); c.Passed != want {
					t.Errorf("%s: passed %t, want %t: %s", c.Claim, c.Passed, want, c.Result)
				}
			}
			typeOnHost(t, l, tc.undo)
		})
	}
}

func TestTheProofSaysWhyItCannotBeTaken(t *testing.T) {
	l := startLab(t, Options{Name: "noproof"})
	_, err := l.Proof(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no bridge") {
		t.Errorf("the error is %v", err)
	}
}
