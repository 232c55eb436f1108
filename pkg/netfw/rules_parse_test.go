package netfw

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRulesReadsBackWhatRenderWrote(t *testing.T) {
	for name, set := range allSets(t) {
		for _, f := range []Family{IPv4, IPv6, BridgePins} {
			file := Render(set.Of(f))
			got, err := ParseRules(f, file)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if d := cmp.Diff(set.Of(f), got); d != "" {
				t.Errorf("%s %s:\n%s", name, f, d)
			}
		}
	}
}

func TestParseRulesSaysWhereAFileIsDamaged(t *testing.T) {
	set := allSets(t)["lockdown"]
	for name, row := range map[string]struct {
		family  Family
		damage  func(string) string
		line    string
		message string
	}{
		"an empty file":            {IPv4, func(string) string { return "" }, "line 1", "waddled would have written"},
		"cut off within a rule":    {IPv4, func(s string) string { return s[:len(s)/2] }, "cut off", "was not committed"},
		"without its last line":    {IPv4, func(s string) string { return strings.TrimSuffix(s, "COMMIT\n") }, "cut off", "was not committed"},
		"a rule of somebody else":  {IPv4, replacing("-A WADDLE-INPUT -j DROP", "-A WADDLE-INPUT -m recent --set -j DROP"), "line ", "recent"},
		"a rule in another chain":  {IPv4, replacing("-I INPUT 1 -j WADDLE-INPUT\n", "-I INPUT 1 -j ACCEPT\n"), "line ", "would have written"},
		"a jump too much":          {IPv4, replacing("-I INPUT 1 -j WADDLE-INPUT\n", "-I INPUT 1 -j WADDLE-INPUT\n-I INPUT 1 -j WADDLE-INPUT\n"), "line ", "would have written"},
		"a space at a line's end":  {IPv6, replacing("-i lo -j ACCEPT", "-i lo -j ACCEPT "), "line ", "would have written"},
		"a table of somebody else": {IPv6, func(s string) string { return s + "*mangle\nCOMMIT\n" }, "line ", "would have written"},
		"the other family's file":  {IPv6, func(string) string { return string(Render(set.V4)) }, "line ", ""},
		"an address that is none":  {BridgePins, replacing("10.10.0.2 accept", "10.10.0.999 accept"), "line ", "is not a rule"},
		"a pin of another kind":    {BridgePins, replacing("iifname \"fwln*\" accept", "iifname \"fwln*\" goto x"), "line 8", "is not a rule"},
		"no end of the pins":       {BridgePins, func(s string) string { return strings.TrimSuffix(s, "}\n") }, "line ", "would have written"},
		"zero bytes":               {BridgePins, func(s string) string { return strings.Repeat("\x00", len(s)) }, "line 1", "would have written"},
	} {
		file := row.damage(string(Render(set.Of(row.family))))
		got, err := ParseRules(row.family, []byte(file))
		if err == nil || got != nil || !strings.Contains(err.Error(), row.line) || !strings.Contains(err.Error(), row.message) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func replacing(from, to string) func(string) string {
	return func(s string) string { return strings.Replace(s, from, to, 1) }
}

// FuzzParseRules: whatever is taken renders to the same bytes, and decides.
func FuzzParseRules(f *testing.F) {
	for _, set := range allSets(f) {
		for i, fam := range []Family{IPv4, IPv6, BridgePins} {
			f.Add(i, Render(set.Of(fam)))
		}
	}
	f.Fuzz(func(t *testing.T, i int, file []byte) {
		fam := []Family{IPv4, IPv6, BridgePins}[uint(i)%3]
		chains, err := ParseRules(fam, file)
		if err != nil {
			return
		}
		if !slices.Equal(Render(chains), file) {
			t.Errorf("taken, and rendered otherwise: %q", file)
		}
		set := RuleSet{V4: chains}
		switch fam {
		case IPv6:
			set = RuleSet{V6: chains}
		case BridgePins:
			set = RuleSet{Pins: chains}
		}
		if err := set.check(); err != nil {
			t.Errorf("taken, and not loadable: %v", err)
		}
		for _, p := range []Packet{{Family: fam, In: "vmbr0"}, {Family: fam, In: "vmbr1", Out: "vmbr0", PhysIn: "tap1i0"}} {
			if _, err := Decide(set, p); err != nil {
				t.Errorf("taken, and not decidable: %v", err)
			}
		}
	})
}
