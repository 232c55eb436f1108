package lab

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var macs = regexp.MustCompile(`mac [0-9a-f:]{17}`)

func snapshot(t *testing.T, l *Lab) string {
	t.Helper()
	s, err := l.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASnapshotIsTheSameWhenNothingWasChanged(t *testing.T) {
	l := startLab(t, Options{Name: "snapsame", HandTyped: true})
	before := snapshot(t, l)
	if resp, err := l.Host.HTTPClient().Get("http://" + WebName + "/"); err != nil {
		t.Fatal(err)
	} else if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	for _, look := range []string{"iptables -L", "iptables -t mangle -L", "ip6tables -t nat -S", "nft list ruleset", "touch /run/x /tmp/x /var/x"} {
		if _, err := l.Host.Run(t.Context(), "sh", "-c", look); err != nil {
			t.Fatal(err)
		}
	}
	if after := snapshot(t, l); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if out := os.Getenv("WADDLE_LAB_TEST_PRINT"); out != "" {
		t.Log(before)
	}
}

func TestTwoFreshHostsHaveTheSameSnapshotButForTheirMACs(t *testing.T) {
	a := snapshot(t, startLab(t, Options{Name: "snapa"}))
	b := snapshot(t, startLab(t, Options{Name: "snapb"}))
	withoutMACs := func(s string) string {
		var keep []string
		for line := range strings.Lines(s) {
			keep = append(keep, macs.ReplaceAllString(line, "mac"))
		}
		return strings.Join(keep, "")
	}
	if withoutMACs(a) != withoutMACs(b) {
		t.Errorf("one:\n%s\nthe other:\n%s", a, b)
	}
}

func TestASnapshotShowsEveryKindOfChange(t *testing.T) {
	l := startLab(t, Options{Name: "snapdiff"})
	for _, tc := range []struct{ name, do, undo, shows string }{
		{"a link", "ip link add vmbr1 type bridge", "ip link del vmbr1", "vmbr1 type bridge"},
		{"an address", "ip addr add 10.10.0.1/24 dev vmbr0", "ip addr del 10.10.0.1/24 dev vmbr0", "vmbr0 10.10.0.1/24"},
		{"a route", "ip route add 10.9.0.0/16 via 203.0.113.1", "ip route del 10.9.0.0/16", "10.9.0.0/16 via 203.0.113.1"},
		{"a rule of IPv4", "iptables -A INPUT -j DROP", "iptables -D INPUT -j DROP", "-A INPUT -j DROP"},
		{"an empty chain", "iptables -N OURS", "iptables -X OURS", ":OURS -"},
		{"a policy", "ip6tables -P FORWARD DROP", "ip6tables -P FORWARD ACCEPT", ":FORWARD DROP"},
		{"a rule of IPv6", "ip6tables -t nat -A POSTROUTING -j MASQUERADE", "ip6tables -t nat -F", "-A POSTROUTING -j MASQUERADE"},
		{"a table of nftables", "nft add table inet waddle", "nft delete table inet waddle", "table inet waddle"},
		{"a sysctl", "sysctl -w net.ipv4.ip_forward=1", "sysctl -w net.ipv4.ip_forward=0", "net/ipv4/ip_forward = 1"},
		{"a new file", "echo a > /etc/waddle-a", "rm /etc/waddle-a", "/etc/waddle-a -rw-r--r-- 0:0 2 bytes"},
		{"a changed file", "echo a >> /etc/sysctl.conf", "sed -i '$d' /etc/sysctl.conf", "/etc/sysctl.conf"},
		{"a removed file of the machine", "mv /etc/passwd /etc/pass", "mv /etc/pass /etc/passwd", "/etc/passwd removed"},
		{"a file in a directory of the machine", "echo a > /etc/profile.d/x", "rm /etc/profile.d/x", "/etc/profile.d/x"},
		{"a mode", "chmod 600 /etc/sysctl.conf", "chmod 644 /etc/sysctl.conf", "/etc/sysctl.conf -rw-------"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := snapshot(t, l)
			if _, err := l.Host.Run(t.Context(), "sh", "-c", tc.do); err != nil {
				t.Fatal(err)
			}
			changed := snapshot(t, l)
			if changed == before || !strings.Contains(changed, tc.shows) {
				t.Errorf("%q does not show as %q in:\n%s", tc.do, tc.shows, changed)
			}
			if _, err := l.Host.Run(t.Context(), "sh", "-c", tc.undo); err != nil {
				t.Fatal(err)
			}
			if after := snapshot(t, l); after != before {
				t.Errorf("%q left\n%s\nbut before it was\n%s", tc.undo, after, before)
			}
		})
	}
}
