package netfw

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; run the test with -update when this is meant:\n%s", file, d)
	}
}

// planConfig is the plan's own platform.
func planConfig() RuleConfig {
	return RuleConfig{
		Parts: AllParts, Profile: Initial,
		InternalBridge: "vmbr1", InternalCIDR: netip.MustParsePrefix("10.10.0.0/24"),
		PublicBridge: "vmbr0", SSHPort: 22, InternalTCP: []uint16{22, 8006, 7743, 3260},
	}
}

func planBridge() Bridge {
	return Bridge{Name: "vmbr1", Addresses: []netip.Prefix{netip.MustParsePrefix("10.10.0.1/24")}, Uplink: "vmbr0"}
}

func with(change func(*RuleConfig)) RuleConfig {
	c := planConfig()
	change(&c)
	return c
}

func TestRulesOfEachProfileAndPart(t *testing.T) {
	for name, cfg := range map[string]RuleConfig{
		"initial":          planConfig(),
		"initial-isolated": with(func(c *RuleConfig) { c.Isolated = true }),
		"initial-input":    with(func(c *RuleConfig) { c.Parts = PartInput }),
		"initial-phase1": with(func(c *RuleConfig) {
			c.Parts = PartForward | PartNAT
		}),
		"open":                with(func(c *RuleConfig) { c.Profile = Open }),
		"initial-from-nobody": with(func(c *RuleConfig) { c.SSHFrom = []netip.Prefix{} }),
		"initial-from-all-of-ipv6": with(func(c *RuleConfig) {
			c.SSHFrom = []netip.Prefix{netip.MustParsePrefix("::/0"), netip.MustParsePrefix("10.10.0.0/28")}
		}),
		"other-numbers": with(func(c *RuleConfig) {
			c.SSHPort, c.InternalTCP = 2222, []uint16{8006, 22, 2222, 22}
			c.InternalBridge, c.PublicBridge, c.InternalCIDR = "vmbr9", "eno1", netip.MustParsePrefix("172.16.4.0/22")
		}),
	} {
		set, err := Rules(cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, "rules-"+name+".v4", string(Render(set.V4)))
		golden(t, "rules-"+name+".v6", string(Render(set.V6)))
	}
}

func TestRulesOfTheClosedProfiles(t *testing.T) {
	sets := allSets(t)
	for _, name := range []string{"initial-from", "lockdown", "lockdown-open", "emergency", "builtin"} {
		golden(t, "rules-"+name+".v4", string(Render(sets[name].V4)))
		golden(t, "rules-"+name+".v6", string(Render(sets[name].V6)))
	}
	golden(t, "rules-pins.bridge", string(Render(sets["lockdown"].Pins)))
	golden(t, "rules-no-pins.bridge", string(Render(sets["open"].Pins)))
	for _, name := range []string{"initial-pinned", "lockdown-open", "emergency"} {
		equal(t, "the pins of "+name, string(Render(sets["lockdown"].Pins)), string(Render(sets[name].Pins)))
	}
}

func TestInterfacesFile(t *testing.T) {
	golden(t, "interfaces", string(RenderInterfaces(planBridge())))
}

func TestRuleConfigSaysEverythingThatIsWrong(t *testing.T) {
	_, err := Rules(RuleConfig{InternalBridge: "vmbr1+", Profile: "closed", InternalTCP: []uint16{0}})
	if err == nil {
		t.Fatal("an empty configuration was taken")
	}
	for _, want := range []string{
		"parts 0x0", `profile "closed": allowed are open, initial, lockdown, emergency`, `internal bridge "vmbr1+"`,
		`public bridge ""`, "internal network invalid Prefix", "SSH port 0", "internal TCP port 0",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	for name, cfg := range map[string]RuleConfig{
		"one bridge for both": with(func(c *RuleConfig) { c.PublicBridge = c.InternalBridge }),
		"an address that is no network": with(func(c *RuleConfig) {
			c.InternalCIDR = netip.MustParsePrefix("10.10.0.1/24")
		}),
		"an IPv6 network":         with(func(c *RuleConfig) { c.InternalCIDR = netip.MustParsePrefix("2001:db8::/64") }),
		"the whole of IPv4":       with(func(c *RuleConfig) { c.InternalCIDR = netip.MustParsePrefix("0.0.0.0/0") }),
		"a name with a space":     with(func(c *RuleConfig) { c.PublicBridge = "vm br0" }),
		"a name of sixteen bytes": with(func(c *RuleConfig) { c.PublicBridge = "abcdefghijklmnop" }),
	} {
		if _, err := Rules(cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// asTyped is what iptables-save prints of the plan's lines among one of others.
const asTyped = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 8006 -j DROP
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -m comment --comment "of others" -s 198.51.100.0/24 -j DROP
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -j DROP
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.10.0.0/24 -o vmbr0 -j MASQUERADE
COMMIT
`

func TestTheTransactionsOfAdoptionAndUndo(t *testing.T) {
	set, err := Rules(planConfig())
	if err != nil {
		t.Fatal(err)
	}
	before, err := parseSave(asTyped)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "load-adoption.v4", loadInput(before, planConfig(), set.V4, true))
	fb := FamilyBefore{Family: IPv4}
	for _, c := range set.V4 {
		fb.Chains = append(fb.Chains, captureChain(adoptable(planConfig(), c), c, before))
	}
	after, err := parseSave(strings.Replace(string(Render(set.V4)), "*filter\n",
		"*filter\n-A INPUT -m comment --comment \"of others\" -s 198.51.100.0/24 -j DROP\n", 1))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "undo-adoption.v4", revertInput(after, fb))
	if again := revertInput(before, fb); again != "" {
		t.Errorf("a second undo does %q", again)
	}
}
