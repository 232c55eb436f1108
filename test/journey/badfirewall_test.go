package journey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/internal/lab"
)

// What stands beside waddle's rules and makes them worth less is named by
// `waddle plan`, each in one line that says what to look at, and nothing of it is
// touched.
func TestThePlanNamesWhatContradictsTheFirewall(t *testing.T) {
	h := newHost(t, lab.Options{Name: "beside"})
	waddle := built(t, waddleBuilt)
	h.run("mkdir -p /run/.lab/bin")
	if err := h.Host.WriteFile("/run/.lab/bin/waddle", read(t, waddle), 0o755); err != nil {
		t.Fatal(err)
	}
	h.start(h.ownTools())
	h.setExample()
	plan := func() string {
		cmd := h.Host.Command(t.Context(), "/run/.lab/bin/waddle", "plan", "--through", "1")
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != 0 && code != 5 { // 5: a step cannot be looked at
			t.Fatalf("waddle plan: %v\n%s", err, out)
		}
		return string(out)
	}
	plain := plan()
	for _, c := range []struct {
		name, before, after string
		says                []string // on one line
	}{
		{"an nftables table that drops first", "nft add table inet edge; nft add chain inet edge in '{ type filter hook input priority -10 ; policy accept ; }'; nft add rule inet edge in tcp dport 22 drop", "nft delete table inet edge",
			[]string{"nftables table inet edge, chain in (priority -10, asked before ours) drops packets whatever ours accept", "nft list table inet edge"}},
		{"rules of the legacy flavour", "iptables-legacy -A INPUT -p tcp --dport 9999 -j DROP", "iptables-legacy -D INPUT -p tcp --dport 9999 -j DROP",
			[]string{"both flavours of iptables have rules", "the command is nf_tables", "legacy", "--dport 9999", "remove them"}},
		{"legacy rules of IPv6 alone", "ip6tables-legacy -A INPUT -p tcp --dport 9998 -j DROP", "ip6tables-legacy -D INPUT -p tcp --dport 9998 -j DROP",
			[]string{"both flavours of iptables have rules", "ip6tables-legacy-save", "--dport 9998"}},
		{"pve-firewall with a rule that says the opposite", "mkdir -p /etc/pve/firewall; printf '[OPTIONS]\\nenable: 1\\n\\n[RULES]\\nIN ACCEPT -p tcp -dport 8006\\n' > /etc/pve/firewall/cluster.fw", "rm -r /etc/pve/firewall",
			[]string{"/etc/pve/firewall/cluster.fw", "IN ACCEPT -p tcp -dport 8006", "contradicts ours, which are asked first and say drop", "remove it, or change the platform file"}},
		{"a rule of the operator's that says the opposite", "iptables -A INPUT -p tcp --dport 8006 -j ACCEPT", "iptables -D INPUT -p tcp --dport 8006 -j ACCEPT",
			[]string{"this rule says the opposite of ours, which come first; remove it, or change the platform file"}},
		{"no iptables any more", "mv /run/.lab/tools /run/.lab/tools.away; nft add table inet stir; nft delete table inet stir", "mv /run/.lab/tools.away /run/.lab/tools",
			[]string{"cannot find iptables-save: install the package iptables"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.run("set -e; " + c.before)
			before := h.snapshot()
			if out := plan(); linesWith(out, c.says) == 0 {
				t.Errorf("no line of the plan has all of %q:\n%s", c.says, out)
			}
			if after := h.snapshot(); after != before {
				t.Errorf("the plan changed something (-before +after):\n%s", cmp.Diff(before, after))
			}
			h.run("set -e; " + c.after)
			if out := plan(); linesWith(out, c.says) > 0 {
				t.Errorf("it is gone and the plan still names it:\n%s", out)
			}
		})
	}
	if out := plan(); out != plain {
		t.Errorf("the plan is not as it was at first (-first +now):\n%s", cmp.Diff(plain, out))
	}
}

func linesWith(text string, words []string) (n int) {
lines:
	for line := range strings.Lines(text) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue lines
			}
		}
		n++
	}
	return n
}

// ownTools is a PATH with iptables' programs in a directory that can be moved away.
func (h *host) ownTools() string {
	h.t.Helper()
	h.run("mkdir -p /run/.lab/tools")
	for _, name := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"} {
		h.run("ln -s $(command -v " + name + ") " + filepath.Join("/run/.lab/tools", name))
	}
	return "PATH=/run/.lab/tools:" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
}
