package netfw

import (
	"strings"
	"testing"
)

func TestWhatContradictsOursIsNamedInOneLine(t *testing.T) {
	const on = "[OPTIONS]\n\nenable: 1\n\n[RULES]\n\n"
	for name, row := range map[string]struct {
		setup string
		files map[string]string
		want  string // in exactly one note; "" in none
	}{
		"a table that drops first": {
			setup: `nft "add table inet site; add chain inet site in { type filter hook input priority -10; policy drop; }"`,
			want:  "nftables table inet site, chain in (priority -10, asked before ours) drops packets",
		},
		"a table that drops later, in a chain that it jumps to": {
			setup: `nft "add table ip6 site; add chain ip6 site x; add rule ip6 site x tcp dport 22 drop; add chain ip6 site through { type filter hook forward priority 5; }; add rule ip6 site through jump x"`,
			want:  "nftables table ip6 site, chain through (priority 5, asked after ours) drops packets",
		},
		"a table that rejects": {
			setup: `nft "add table inet site; add chain inet site in { type filter hook input priority 0; }; add rule inet site in tcp dport 22 reject"`,
			want:  "nftables table inet site, chain in (priority 0, asked beside ours) drops packets",
		},
		"a table that only counts": {
			setup: `nft "add table inet site; add chain inet site in { type filter hook input priority 0; }; add rule inet site in counter accept"`,
		},
		"a table that drops what goes out": {
			setup: `nft "add table inet site; add chain inet site out { type filter hook output priority 0; policy drop; }"`,
		},
		"pve-firewall opens the UI": {
			files: map[string]string{pveCluster: on + "IN ACCEPT -p tcp -dport 8006 -log nolog # mine\n"},
			want:  `/etc/pve/firewall/cluster.fw: pve-firewall's rule "IN ACCEPT -p tcp -dport 8006 -log nolog" contradicts ours, which are asked first and say drop`,
		},
		"pve-firewall closes SSH to the Teleport VM": {
			files: map[string]string{pveCluster: on, pveHost: "[RULES]\nIN SSH(REJECT) -source 10.10.0.2\n"},
			want:  `/etc/pve/local/host.fw: pve-firewall's rule "IN SSH(REJECT) -source 10.10.0.2" contradicts ours, which are asked first and say accept`,
		},
		"pve-firewall says the same":            {files: map[string]string{pveCluster: on + "IN DROP -p tcp -dport 8006\n|IN ACCEPT -p tcp -dport 8006\nOUT ACCEPT\n"}, want: "pve-firewall is switched on in /etc/pve/firewall/cluster.fw"},
		"pve-firewall is off":                   {files: map[string]string{pveCluster: strings.Replace(on, "enable: 1", "enable: 0", 1) + "IN ACCEPT -p tcp -dport 8006\n"}},
		"pve-firewall is off for this host":     {files: map[string]string{pveCluster: on + "IN ACCEPT -p tcp -dport 8006\n", pveHost: "[OPTIONS]\nenable: 0\n"}},
		"pve-firewall was never switched on":    {files: map[string]string{pveCluster: "[RULES]\nIN ACCEPT -p tcp -dport 8006\n"}},
		"what cannot be compared is left alone": {files: map[string]string{pveCluster: on + "IN ACCEPT -source +management\nIN ACCEPT -p udp -dport 8006\nGROUP a\n"}, want: "pve-firewall is switched on"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			if row.setup != "" {
				run(t, row.setup)
			}
			for path, content := range row.files {
				h.write(path, content)
			}
			got := 0
			notes := h.lookRules(zonedConfig()).Notes
			for _, n := range notes {
				if row.want != "" && strings.Contains(n, row.want) && !strings.Contains(n, "\n") {
					got++
				}
				if row.want == "" && (strings.Contains(n, "site") || strings.Contains(n, "pve-firewall")) {
					t.Errorf("said without need: %s", n)
				}
			}
			if row.want != "" && got != 1 {
				t.Errorf("notes %q, want one with %q", notes, row.want)
			}
			if name == "what cannot be compared is left alone" || name == "pve-firewall says the same" {
				if strings.Contains(strings.Join(notes, "\n"), "contradicts") {
					t.Errorf("a contradiction was made up: %q", notes)
				}
			}
		})
	}
}

func TestWhatVMsBehindAFirewallBridgeNeedIsSaid(t *testing.T) {
	h := newHost(t)
	said := func() int { return strings.Count(strings.Join(h.lookRules(zonedConfig()).Notes, "\n"), "fwbr110i0") }
	run(t, "sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.default.arp_ignore=0")
	for _, step := range []struct {
		script string
		want   int
	}{
		{"true", 0},
		{"ip link add fwbr110i0 type bridge", 2},
		{"sysctl -qw net.ipv4.conf.all.arp_ignore=1", 1},
		{"iptables -t raw -I PREROUTING -i fwbr+ -j CT --zone 1", 0},
		{"sysctl -qw net.ipv4.conf.all.arp_ignore=0", 1},
	} {
		run(t, step.script)
		if got := said(); got != step.want {
			t.Errorf("after %s: %d lines, want %d", step.script, got, step.want)
		}
	}
}
