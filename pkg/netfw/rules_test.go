package netfw

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func (h *host) lookRules(cfg RuleConfig) Finding {
	h.t.Helper()
	f, err := h.LookRules(context.Background(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

func (h *host) wantRules(cfg RuleConfig, want string) {
	h.t.Helper()
	if got := kinds(h.lookRules(cfg)); got != want {
		h.t.Fatalf("look at the rules:\n%s\nwant:\n%s", got, want)
	}
}

func (h *host) applyRules(cfg RuleConfig, c Consent) {
	h.t.Helper()
	if err := h.ApplyRules(context.Background(), cfg, c); err != nil {
		h.t.Fatal(err)
	}
	h.wantRules(cfg, "")
}

func (h *host) captureRulesOf(cfg RuleConfig) RulesBefore {
	h.t.Helper()
	b, err := h.CaptureRules(context.Background(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *host) undoRules(b RulesBefore) {
	h.t.Helper()
	if err := h.UndoRules(context.Background(), b); err != nil {
		h.t.Fatal(err)
	}
}

func phase0() RuleConfig { return with(func(c *RuleConfig) { c.Parts = PartInput }) }
func phase1() RuleConfig { return with(func(c *RuleConfig) { c.Parts = PartForward | PartNAT }) }

// foreignRules are of other programs: a user chain, pve-firewall's names, a
// quoted comment, and all that stands around ours.
const foreignRules = `
iptables -N PVEFW-INPUT; iptables -A PVEFW-INPUT -s 198.51.100.0/24 -j DROP; iptables -A INPUT -j PVEFW-INPUT
iptables -A INPUT -p tcp --dport 9999 -m comment --comment "say \"hi\" \\\\ there" -j ACCEPT
iptables -A OUTPUT -p tcp --dport 25 -j REJECT; iptables -t mangle -A PREROUTING -i vmbr7 -j MARK --set-mark 7
iptables -t nat -A PREROUTING -i vmbr0 -p tcp --dport 8443 -j DNAT --to-destination 172.20.0.2:443
iptables -t nat -A POSTROUTING -s 172.20.0.0/24 -j MASQUERADE; iptables -P FORWARD DROP
ip6tables -A INPUT -s 2001:db8:5::/48 -j DROP; ip6tables -A FORWARD -m limit --limit 3/min -j LOG --log-prefix "v6 "` + siteTable

const siteTable = `
nft "add table inet site; add chain inet site in { type filter hook input priority 5; }; add rule inet site in tcp dport 79 drop"`

func TestRulesOnABareHost(t *testing.T) {
	h := newHost(t)
	before := h.state()
	b0 := h.captureRulesOf(phase0())
	h.applyRules(phase0(), Consent{})
	afterPhase0 := h.state()
	b1 := h.captureRulesOf(phase1())
	h.applyRules(phase1(), Consent{})
	h.wantRules(planConfig(), "")
	h.wantRules(phase0(), "")
	set, _ := Rules(planConfig())
	equal(t, "rules.v4", string(Render(set.V4)), h.content("/etc/waddle/firewall/rules.v4"))
	equal(t, "rules.v6", string(Render(set.V6)), h.content("/etc/waddle/firewall/rules.v6"))
	if ds, err := h.ShowUndoRules(context.Background(), b1); err != nil || len(ds) == 0 {
		t.Errorf("undo shows %v, %v", ds, err)
	}
	for range 2 {
		h.undoRules(b1)
		equal(t, "after undo of phase 1", afterPhase0, h.state())
	}
	for range 2 {
		h.undoRules(b0)
		equal(t, "after undo of phase 0", before, h.state())
	}
	if ds, err := h.ShowUndoRules(context.Background(), b0); err != nil || len(ds) != 0 {
		t.Errorf("undo still shows %v, %v", ds, err)
	}
}

func TestUndoAmongRulesOfOthers(t *testing.T) {
	h := newHost(t)
	run(t, foreignRules)
	before := h.state()
	b := h.captureRulesOf(planConfig())
	h.applyRules(planConfig(), Consent{})
	run(t, "iptables-save | grep -q -- '-A INPUT -j PVEFW-INPUT'")
	equal(t, "others' rules while ours are there", withoutOurs(before), withoutOurs(h.state()))
	h.undoRules(b)
	equal(t, "after undo", before, h.state())
}

// withoutOurs takes our lines out of a listing, and the built-in chains and
// tables that exist only because of them.
func withoutOurs(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		if strings.HasPrefix(l, "# Warning: table") || strings.HasPrefix(l, "table ") {
			break // nft's listing of the same
		}
		if !strings.Contains(l, "WADDLE-") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "")
}

func TestOthersRulesThatCameSinceSurviveUndo(t *testing.T) {
	h := newHost(t)
	b := h.captureRulesOf(planConfig())
	h.applyRules(planConfig(), Consent{})
	run(t, "iptables -A FORWARD -i vmbr5 -j ACCEPT; iptables -A OUTPUT -p tcp --dport 25 -j DROP; ip6tables -P FORWARD DROP")
	h.undoRules(b)
	got := run(t, "iptables-save; ip6tables-save; nft list ruleset")
	for _, want := range []string{"-A FORWARD -i vmbr5 -j ACCEPT", "-A OUTPUT -p tcp -m tcp --dport 25 -j DROP", ":FORWARD DROP"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is gone:\n%s", want, got)
		}
	}
	if strings.Contains(got, "WADDLE") || strings.Contains(got, "*nat") {
		t.Errorf("something of ours is left:\n%s", got)
	}
}

func TestDriftOfTheRulesIsSeenAndRepaired(t *testing.T) {
	for name, c := range map[string]struct{ damage, look string }{
		"a rule is gone":                 {"iptables -D WADDLE-INPUT -p tcp --dport 22 -j ACCEPT", "create rule ip/filter WADDLE-INPUT"},
		"an IPv6 rule is gone":           {"ip6tables -D WADDLE-INPUT -j DROP", "create rule ip6/filter WADDLE-INPUT"},
		"a rule was added":               {"iptables -I WADDLE-INPUT -p tcp --dport 8006 -j ACCEPT", "remove rule ip/filter WADDLE-INPUT"},
		"two rules changed places":       {"iptables -D WADDLE-FORWARD -i vmbr1 -j DROP; iptables -A WADDLE-FORWARD -i vmbr1 -j DROP", "change rule ip/filter WADDLE-FORWARD"},
		"the masquerade is gone":         {"iptables -t nat -F WADDLE-POSTROUTING", "create rule ip/nat WADDLE-POSTROUTING"},
		"a jump is gone":                 {"iptables -D INPUT -j WADDLE-INPUT", "create rule ip/filter INPUT"},
		"a jump is there three times":    {"iptables -A INPUT -j WADDLE-INPUT; iptables -A INPUT -j WADDLE-INPUT", "change rule ip/filter INPUT"},
		"an open door before our jump":   {"iptables -I INPUT -j ACCEPT", "change rule ip/filter INPUT"},
		"a whole chain is gone":          {"ip6tables -D FORWARD -j WADDLE-FORWARD; ip6tables -F WADDLE-FORWARD; ip6tables -X WADDLE-FORWARD", "create rule ip6/filter WADDLE-FORWARD\ncreate rule ip6/filter FORWARD"},
		"everything was flushed":         {"iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X", "create rule ip/filter WADDLE-INPUT\ncreate rule ip/filter INPUT\ncreate rule ip/filter WADDLE-FORWARD\ncreate rule ip/filter FORWARD\ncreate rule ip/nat WADDLE-POSTROUTING\ncreate rule ip/nat POSTROUTING"},
		"nft deleted the table":          {"nft delete table ip6 filter", "create rule ip6/filter WADDLE-INPUT\ncreate rule ip6/filter INPUT\ncreate rule ip6/filter WADDLE-FORWARD\ncreate rule ip6/filter FORWARD"},
		"a plain line of phase 0 is new": {"iptables -A INPUT -i lo -j ACCEPT", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			run(t, "iptables -A INPUT -p udp --dport 53 -j ACCEPT")
			h.applyRules(planConfig(), Consent{})
			run(t, c.damage)
			h.wantRules(planConfig(), c.look)
			h.applyRules(planConfig(), Consent{})
			if c.damage != "iptables -I INPUT -j ACCEPT" && !strings.Contains(c.damage, "-F;") {
				run(t, "iptables -C INPUT -p udp --dport 53 -j ACCEPT")
			}
		})
	}
}

func TestNotesOnRulesOfOthers(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	run(t, "iptables -I INPUT -p tcp --dport 9000 -j ACCEPT; iptables -A INPUT -p tcp --dport 9001 -j ACCEPT")
	f := h.lookRules(planConfig())
	notes := strings.Join(f.Notes, "\n")
	for _, want := range []string{
		"rule ip/filter INPUT has 2 rules of others, left alone",
		"decided before ours are asked: -p tcp -m tcp --dport 9000 -j ACCEPT",
		"never reached, as ours end with a drop: -p tcp -m tcp --dport 9001 -j ACCEPT",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is missing in:\n%s", want, notes)
		}
	}
	if len(f.Differences) > 0 {
		t.Errorf("differences: %v", f.Differences)
	}
}

func TestADamagedRuleFileIsWrittenAgain(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	for _, content := range []string{"garbage\n", "*filter\n:WADDLE-INPUT - [0:0]\n", "", "\x00\xff"} {
		h.write("/etc/waddle/firewall/rules.v4", content)
		h.wantRules(planConfig(), "change file /etc/waddle/firewall/rules.v4")
		h.applyRules(planConfig(), Consent{})
	}
	h.write("/etc/waddle/firewall/rules.v4", "garbage\n")
	h.applyRules(phase0(), Consent{})
	h.wantRules(phase1(), "change file /etc/waddle/firewall/rules.v4")
	h.applyRules(phase1(), Consent{})
	h.wantRules(planConfig(), "")
}

func TestTheRuleFileLoadsByItself(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	saved := dropCounters(run(t, "iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'"))
	run(t, "nft flush ruleset")
	run(t, "iptables-restore --noflush "+h.root+"/etc/waddle/firewall/rules.v4; ip6tables-restore --noflush "+h.root+"/etc/waddle/firewall/rules.v6")
	equal(t, "what the boot unit would load", saved, dropCounters(run(t, "iptables-save | grep -v '^#'; ip6tables-save | grep -v '^#'")))
	h.wantRules(planConfig(), "")
}

func TestALookStartsFewProcesses(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	h.again()
	h.processes()
	h.lookRules(phase0())
	h.lookRules(phase1())
	first := h.processes()
	h.lookRules(phase0())
	h.lookRules(phase1())
	second := h.processes()
	run(t, "iptables -A OUTPUT -p udp --dport 1 -j ACCEPT")
	h.lookRules(phase0())
	third := h.processes()
	t.Logf("processes: first plan %d %v, second %d, after a change %d", len(first), first, len(second), len(third))
	if len(first) > 4 || len(second) != 0 || len(third) != 2 {
		t.Errorf("first %v, second %v, after a change %v", first, second, third)
	}
}

func TestAConflictingRuleIsShownAndNothingIsChanged(t *testing.T) {
	for name, rule := range map[string]string{
		"the Proxmox UI is opened on purpose":      "iptables -A INPUT -p tcp --dport 8006 -j ACCEPT",
		"SSH is closed on purpose":                 "ip6tables -A INPUT -p tcp --dport 22 -j DROP",
		"the same network is translated otherwise": "iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j SNAT --to-source 203.0.113.9",
		"the same network is masqueraded anywhere": "iptables -t nat -A POSTROUTING -s 10.10.0.0/24 -j MASQUERADE",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			run(t, rule)
			before := h.state()
			var conflict *ConflictError
			if err := h.ApplyRules(context.Background(), planConfig(), Consent{Adopt: true}); !errors.As(err, &conflict) || len(conflict.Differences) != 1 {
				t.Fatalf("apply: %v", err)
			}
			x := conflict.Differences[0]
			if x.Is == "" || x.Want == "" || x.Note == "" {
				t.Errorf("not both sides are shown: %v", x)
			}
			equal(t, "after a refused apply", before, h.state())
		})
	}
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	run(t, "iptables -A INPUT -p tcp --dport 8006 -j ACCEPT; iptables -D INPUT -j WADDLE-INPUT")
	h.applyRules(planConfig(), Consent{}) // a repair is not held up by a rule that came later
}

func TestAFailureOfTheSecondFamilyTakesTheFirstBack(t *testing.T) {
	for _, failing := range []string{"netfw:exec:ip6tables-restore", "netfw:exec:ip6tables-restore --test", "netfw:file:/etc/waddle/firewall/rules.v6"} {
		h := newHost(t)
		run(t, foreignRules)
		before := h.state()
		boom := errors.New("boom")
		failed := false
		h.fail = func(op string) error {
			if op == failing && !failed {
				failed = true
				return boom
			}
			return nil
		}
		if err := h.ApplyRules(context.Background(), planConfig(), Consent{}); !errors.Is(err, boom) {
			t.Fatalf("%s: apply: %v", failing, err)
		}
		equal(t, "after a failure of "+failing, before, h.state())
		h.applyRules(planConfig(), Consent{})
	}
}

func TestOpenFiltersNothing(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	open := with(func(c *RuleConfig) { c.Profile = Open })
	h.applyRules(open, Consent{})
	got := run(t, "iptables-save -t filter; ip6tables-save -t filter")
	if strings.Contains(got, "DROP") || !strings.Contains(got, "-A INPUT -j WADDLE-INPUT") {
		t.Errorf("open:\n%s", got)
	}
	h.applyRules(planConfig(), Consent{})
}

func TestOnePartLeavesTheOthersAlone(t *testing.T) {
	h := newHost(t)
	h.applyRules(planConfig(), Consent{})
	run(t, "iptables -F WADDLE-INPUT; iptables -t nat -F WADDLE-POSTROUTING")
	h.applyRules(phase0(), Consent{})
	f := h.lookRules(phase1())
	if got := kinds(f); got != "create rule ip/nat WADDLE-POSTROUTING" {
		t.Errorf("phase 1 after a repair of phase 0: %s", got)
	}
	if !slices.ContainsFunc(h.lookRules(planConfig()).Differences, func(x Difference) bool { return x.Object == "rule ip/nat WADDLE-POSTROUTING" }) {
		t.Error("the whole does not show the part")
	}
}

func TestATableThatOnlyNftCanReadIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"# Table `nat' is incompatible, use 'nft' tool.\n*filter\nCOMMIT\n":                                   "nat",
		"*filter\nCOMMIT\n# Table `filter' is incompatible, use 'nft' tool.\n":                                "filter",
		"# Table `site' is incompatible, use 'nft' tool.\n":                                                   "",
		"# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n*filter\nCOMMIT\n": "",
	} {
		if got := unreadableTable(text); got != want {
			t.Errorf("%q: table %q, want %q", text, got, want)
		}
	}
}

func TestAFailedLoadSaysWhatTheKernelSaid(t *testing.T) {
	h := newHost(t)
	run(t, `nft add table ip filter; nft add chain ip filter INPUT "{ type filter hook input priority 7; }"`)
	before := h.state()
	err := h.ApplyRules(context.Background(), planConfig(), Consent{})
	if err == nil || !strings.Contains(err.Error(), "cannot load the ip firewall rules") || !strings.Contains(err.Error(), "the rules are as they were before") {
		t.Errorf("apply: %v", err)
	}
	equal(t, "after a load that the kernel refused", before, h.state())
}
