package netfw

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// zonedConfig is the plan's platform in lockdown, with addresses of both families.
func zonedConfig() RuleConfig {
	return with(func(c *RuleConfig) {
		c.Profile = Lockdown
		c.InternalTCP = []uint16{22, 8006, 7443}
		c.InternalAddress = addr("10.10.0.1")
		c.Zones = Zones{
			Teleport: Zone{[]netip.Addr{addr("10.10.0.2"), addr("fd00::2")}, []uint16{22, 8006, 7443}},
			Nodes: Zone{[]netip.Addr{addr("10.10.0.10"), addr("10.10.0.11"), addr("10.10.0.12"), addr("fd00::10"), addr("fd00::11"), addr("fd00::12")},
				[]uint16{3260, 2222}},
		}
		vip := addr("10.10.0.20")
		c.Pins = map[int][]netip.Addr{
			102: {addr("10.10.0.2"), addr("fd00::2")},
			110: {addr("10.10.0.10"), addr("fd00::10"), vip},
			111: {addr("10.10.0.11"), addr("fd00::11"), vip},
			112: {addr("10.10.0.12"), addr("fd00::12"), vip},
		}
	})
}

func inProfile(c RuleConfig, p Profile) RuleConfig { c.Profile = p; return c }

func openInside(c RuleConfig) RuleConfig { c.InternalOpen = true; return c }

func emergency(c RuleConfig) RuleConfig {
	c.Profile = Emergency
	c.Exceptions = []Exception{
		{[]netip.Prefix{prefix("198.51.100.7/32"), prefix("2001:db8::7/128")}, []uint16{8006, 22}},
		{[]netip.Prefix{prefix("10.10.0.50/32"), prefix("2001:db8:7::/48")}, []uint16{22}},
	}
	return c
}

// fromFriend lets SSH in from the friend's addresses and a branch whose network
// has the internal one in it.
func fromFriend(c RuleConfig) RuleConfig {
	c.SSHFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::7/128")}
	return c
}

// allSets are the rule sets of every profile, by name.
func allSets(t testing.TB) map[string]RuleSet {
	t.Helper()
	out := map[string]RuleSet{"builtin": BuiltinLockdown(), "none": {}}
	for name, cfg := range map[string]RuleConfig{
		"open": inProfile(zonedConfig(), Open), "initial": planConfig(), "initial-pinned": inProfile(zonedConfig(), Initial),
		"initial-from": fromFriend(inProfile(zonedConfig(), Initial)),
		"lockdown":     zonedConfig(), "lockdown-open": openInside(zonedConfig()), "emergency": emergency(zonedConfig()),
	} {
		set, err := Rules(cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = set
	}
	return out
}

func TestLoadRulesMakesTheKernelSayTheSet(t *testing.T) {
	h := newHost(t)
	run(t, foreignRules)
	before := h.state()
	sets := allSets(t)
	for _, to := range []string{"lockdown", "emergency", "initial", "builtin", "lockdown-open", "none", "open", "initial-pinned", "none"} {
		for i := range 2 { // the second finds nothing to do
			h.ops = nil
			if err := h.LoadRules(context.Background(), sets[to]); err != nil {
				t.Fatalf("load %s: %v", to, err)
			}
			for _, op := range h.ops {
				if i == 1 && (strings.Contains(op, "restore") || strings.Contains(op, "nft-")) {
					t.Errorf("%s: a second load does %s", to, op)
				}
			}
		}
		h.wantKernel(to, sets[to])
		equal(t, "others' rules with "+to, withoutOurs(before), withoutOurs(h.state()))
	}
	if _, err := os.Stat(filepath.Join(h.root, "/etc/waddle")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was written: %v", err)
	}
}

// wantKernel compares the kernel's rules with a set.
func (h *host) wantKernel(name string, set RuleSet) {
	h.t.Helper()
	snap, _, err := h.snapshotRules(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if in := setInput(snap.rules[f], f, set.Of(f)); in != "" {
			h.t.Errorf("%s: the kernel's %s rules lack\n%s", name, f, in)
		}
	}
	if !snap.pins.same(pinsIn(set)) {
		h.t.Errorf("%s: pins %q (%s), want %q", name, snap.pins.chain.texts(), snap.pins.strange, pinsIn(set))
	}
}

func TestALoadThatFailsAnywhereLeavesWhatWasThere(t *testing.T) {
	h := newHost(t)
	run(t, foreignRules)
	sets := allSets(t)
	if err := h.LoadRules(context.Background(), sets["initial"]); err != nil {
		t.Fatal(err)
	}
	before := h.state()
	h.ops = nil
	h.again()
	if err := h.LoadRules(context.Background(), sets["lockdown"]); err != nil {
		t.Fatal(err)
	}
	points := len(h.ops)
	if err := h.LoadRules(context.Background(), sets["initial"]); err != nil {
		t.Fatal(err)
	}
	equal(t, "after a swap there and back", before, h.state())
	for n := 1; n <= points; n++ {
		h.again()
		(&site{host: h}).faultAt(n, false)
		err := h.LoadRules(context.Background(), sets["lockdown"])
		h.fail = nil
		if !errors.Is(err, errFault) {
			t.Errorf("fault %d of %d became %v", n, points, err)
		}
		equal(t, "after a fault", before, h.state())
	}
	t.Logf("%d points of failure tried", points)
}

func TestLoadRulesRefusesChainsThatAreNotOurs(t *testing.T) {
	h := newHost(t)
	for name, c := range map[string]Chain{
		"another chain": {PartInput, "filter", "INPUT", "INPUT", nil},
		"another table": {PartInput, "nat", inputChain, "INPUT", nil},
		"two lines":     {PartInput, "filter", inputChain, "INPUT", []string{"-j DROP\n-A INPUT -j DROP"}},
	} {
		if err := h.LoadRules(context.Background(), RuleSet{V4: []Chain{c}}); err == nil || len(h.ops) > 0 {
			t.Errorf("%s: %v, %v", name, err, h.ops)
		}
	}
	twice := allSets(t)["builtin"]
	twice.V6 = append(twice.V6, twice.V6[0])
	if err := h.LoadRules(context.Background(), twice); err == nil {
		t.Error("a chain was loaded twice")
	}
}

func TestTheBootFilesKeepTheirProfileWhileAnotherIsLive(t *testing.T) {
	h := newHost(t)
	h.applyRules(inProfile(zonedConfig(), Initial), Consent{})
	initial := h.files()
	pending := zonedConfig()
	pending.Boot = Initial
	h.applyRules(pending, Consent{})
	equal(t, "the boot files while the change is not confirmed", initial, h.files())
	h.wantKernel("pending", allSets(t)["lockdown"])
	h.wantRules(pending, "")
	h.applyRules(zonedConfig(), Consent{})
	confirmed := h.files()
	if confirmed == initial {
		t.Error("the boot files did not follow the confirmed profile")
	}
	h.applyRules(emergency(zonedConfig()), Consent{})
	equal(t, "an emergency does not reach the boot files", confirmed, h.files())
	h.wantRules(emergency(zonedConfig()), "")
}

func (h *host) files() string {
	var b strings.Builder
	for _, f := range []Family{IPv4, IPv6, BridgePins} {
		b.WriteString(h.content(h.ruleFile(f)))
	}
	return b.String()
}

func TestALoadAfterALookStartsNothingButWhatLoads(t *testing.T) {
	h := newHost(t)
	set, err := Rules(zonedConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.processes(), ", "); got != "iptables --version, iptables-save, ip6tables-save" {
		t.Errorf("the look started %s", got)
	}
	if err := h.LoadRules(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(h.processes(), ", "); got != "iptables-restore --test, ip6tables-restore --test, iptables-restore, ip6tables-restore" {
		t.Errorf("the load started %s", got)
	}
}
