package netfw

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

func pinsOnly() RuleConfig {
	c := zonedConfig()
	c.Parts = PartPins
	return c
}

func TestPinsAreLookedAtAppliedAndUndoneLikeTheOthers(t *testing.T) {
	h := newHost(t)
	run(t, foreignRules+`
nft "add table bridge site; add chain bridge site in { type filter hook prerouting priority 0; }; add rule bridge site in counter"`)
	before := h.state()
	b := h.captureRulesOf(pinsOnly())
	h.wantRules(pinsOnly(), "create rule bridge/waddle WADDLE-PIN\ncreate file /etc/waddle/firewall/rules.bridge")
	h.applyRules(pinsOnly(), Consent{})
	after := h.state()
	h.ops = nil
	h.applyRules(pinsOnly(), Consent{})
	for _, op := range h.ops {
		if strings.Contains(op, "load") || strings.Contains(op, "file") || strings.Contains(op, "restore") {
			t.Errorf("a second apply does %s", op)
		}
	}
	for name, c := range map[string]struct{ damage, look string }{
		"a pin is gone":                {"nft delete rule bridge waddle WADDLE-PIN handle $(nft -a list table bridge waddle | grep -m1 'ip saddr 10.10.0.2 ' | sed 's/.*handle //')", "change rule bridge/waddle WADDLE-PIN"},
		"a door was opened first":      {"nft insert rule bridge waddle WADDLE-PIN accept", "change rule bridge/waddle WADDLE-PIN"},
		"a rule of another kind":       {"nft add rule bridge waddle WADDLE-PIN ether saddr 02:00:00:00:00:01 drop", "change rule bridge/waddle WADDLE-PIN"},
		"a chain was added":            {"nft 'add chain bridge waddle x { type filter hook input priority 0; }'", "change rule bridge/waddle WADDLE-PIN"},
		"the chain was flushed":        {"nft flush table bridge waddle", "change rule bridge/waddle WADDLE-PIN"},
		"the table is gone":            {"nft delete table bridge waddle", "create rule bridge/waddle WADDLE-PIN"},
		"a port's pin names another":   {"nft replace rule bridge waddle WADDLE-PIN handle $(nft -a list table bridge waddle | grep -m1 tap102 | sed 's/.*handle //') iifname '\"tap666i*\"' meta protocol ip ip saddr 10.10.0.2 accept", "change rule bridge/waddle WADDLE-PIN"},
		"the boot file says otherwise": {"true", "change file /etc/waddle/firewall/rules.bridge"},
	} {
		if c.damage == "true" {
			h.write(h.ruleFile(BridgePins), "# mine\n")
		}
		run(t, c.damage)
		if got := kinds(h.lookRules(pinsOnly())); got != c.look {
			t.Errorf("%s: look says %q", name, got)
		}
		h.applyRules(pinsOnly(), Consent{})
		equal(t, "after the repair, when "+name, dropModes(after), dropModes(h.state()))
	}
	if ds, err := h.ShowUndoRules(context.Background(), b); err != nil || len(ds) != 2 {
		t.Errorf("undo shows %v, %v", ds, err)
	}
	for range 2 {
		h.undoRules(b)
		equal(t, "after undo", before, h.state())
	}
}

// dropModes leaves out the mode of the file that the test itself wrote.
func dropModes(s string) string { return strings.ReplaceAll(s, "-rw-r--r--", "-rw-------") }

func TestWithoutPinsTheTableGoesAndTheBootFileSaysSo(t *testing.T) {
	h := newHost(t)
	h.applyRules(pinsOnly(), Consent{})
	none := pinsOnly()
	none.Pins = nil
	h.wantRules(none, "remove rule bridge/waddle WADDLE-PIN\nchange file /etc/waddle/firewall/rules.bridge")
	h.applyRules(none, Consent{})
	if got := run(t, "nft list tables"); strings.Contains(got, "waddle") {
		t.Errorf("tables:\n%s", got)
	}
	if chains, err := ParseRules(BridgePins, []byte(h.content(h.ruleFile(BridgePins)))); err != nil || chains != nil {
		t.Errorf("the boot file: %v, %v", chains, err)
	}
}

// TestNftLoadsTheBootFile: an operator without waddled, and the recovery page.
func TestNftLoadsTheBootFile(t *testing.T) {
	h := newHost(t)
	h.write("/pins", string(Render(allSets(t)["lockdown"].Pins)))
	for range 2 {
		run(t, "nft -f "+h.at("/pins"))
		if got := strings.Count(run(t, "nft list table bridge waddle"), "saddr"); got != strings.Count(h.content("/pins"), "saddr") {
			t.Errorf("%d rules were loaded", got)
		}
	}
	h.wantKernel("what nft loaded", RuleSet{Pins: allSets(t)["lockdown"].Pins})
}

func TestAConfigurationOfTheClosedProfilesSaysWhatIsWrong(t *testing.T) {
	for want, change := range map[string]func(*RuleConfig){
		`profile "emergency" for the boot: allowed are open, initial, lockdown`: func(c *RuleConfig) { c.Boot = Emergency },
		`exceptions in profile "lockdown"`:                                      func(c *RuleConfig) { c.Exceptions = emergency(*c).Exceptions },
		"exception for TCP port 3260: allowed are 8006 and 22": func(c *RuleConfig) {
			*c = emergency(*c)
			c.Exceptions[0].TCP = []uint16{3260}
		},
		"not a network in CIDR notation": func(c *RuleConfig) {
			*c = emergency(*c)
			c.Exceptions[0].Sources = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")}
		},
		"name at least one source": func(c *RuleConfig) { *c = emergency(*c); c.Exceptions[0].Sources = nil },
		"zone Teleport, address 192.0.2.1": func(c *RuleConfig) {
			c.Zones.Teleport.Addresses = []netip.Addr{addr("192.0.2.1")}
		},
		"zone nodes, TCP port 0": func(c *RuleConfig) { c.Zones.Nodes.TCP = []uint16{0} },
		"VM 102, address 10.10.0.1": func(c *RuleConfig) {
			c.Pins[102] = []netip.Addr{c.InternalAddress}
		},
		"VM 99: Proxmox numbers":                     func(c *RuleConfig) { c.Pins[99] = nil },
		"the host's internal address 192.0.2.1: not": func(c *RuleConfig) { c.InternalAddress = addr("192.0.2.1") },
	} {
		c := zonedConfig()
		change(&c)
		if _, err := Rules(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
