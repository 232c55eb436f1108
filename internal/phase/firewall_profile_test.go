package phase

import (
	"context"
	"errors"
	"testing"

	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// loaded is a kernel with the rules of a profile, and no files.
type loaded struct {
	Network
	t       *testing.T
	profile netfw.Profile
	err     error
}

func (l loaded) LookRules(_ context.Context, c netfw.RuleConfig) (netfw.Finding, error) {
	f := netfw.Finding{Differences: []netfw.Difference{{Kind: netfw.Create, Object: "file /etc/waddle/firewall/rules.v4"}}}
	if l.profile != c.Profile {
		f.Differences = append(f.Differences, netfw.Difference{Kind: netfw.Remove, Object: "rule ip/filter WADDLE-INPUT"})
	}
	return f, l.err
}

func TestTheProfileInForceIsWhatWasSaidOrElseWhatIsThere(t *testing.T) {
	c := ruleConfig(example(t), netfw.PartInput)
	saved := func(p netfw.Profile, parts netfw.Part) *netfw.RuleSet {
		c := Rules(example(t))
		c.Profile, c.Parts = p, parts
		set, err := netfw.Rules(c)
		if err != nil {
			t.Fatal(err)
		}
		return &set
	}
	strange := saved(netfw.Lockdown, netfw.PartInput)
	strange.V6[0].Rules = strange.V6[0].Rules[1:]
	for name, row := range map[string]struct {
		wanted     confirm.Wanted
		kernel     netfw.Profile
		live, boot netfw.Profile
	}{
		"nothing was ever applied":                 {confirm.Wanted{}, "none", netfw.Initial, netfw.Initial},
		"phase 0 was applied":                      {confirm.Wanted{BootRules: saved(netfw.Initial, netfw.PartInput)}, netfw.Initial, netfw.Initial, netfw.Initial},
		"the first change waits":                   {confirm.Wanted{Live: netfw.Lockdown, BootRules: saved(netfw.Initial, netfw.PartInput)}, netfw.Lockdown, netfw.Lockdown, netfw.Initial},
		"a lockdown is confirmed":                  {confirm.Wanted{Live: netfw.Lockdown, Boot: netfw.Lockdown}, netfw.Lockdown, netfw.Lockdown, netfw.Lockdown},
		"the state of a lockdown is lost":          {confirm.Wanted{BootRules: saved(netfw.Lockdown, netfw.AllParts)}, netfw.Lockdown, netfw.Lockdown, netfw.Lockdown},
		"and its rules in the kernel with it":      {confirm.Wanted{BootRules: saved(netfw.Lockdown, netfw.AllParts)}, "none", netfw.Lockdown, netfw.Lockdown},
		"the state of an open host is lost":        {confirm.Wanted{BootRules: saved(netfw.Open, netfw.AllParts)}, netfw.Open, netfw.Open, netfw.Open},
		"state and files of a lockdown are lost":   {confirm.Wanted{}, netfw.Lockdown, netfw.Lockdown, netfw.Lockdown},
		"the rules are of no profile that we know": {confirm.Wanted{BootRules: strange}, "none", netfw.Initial, netfw.Initial},
		"files without an input chain":             {confirm.Wanted{BootRules: saved(netfw.Initial, netfw.PartNAT)}, "none", netfw.Initial, netfw.Initial},
	} {
		got, err := remembered(t.Context(), loaded{t: t, profile: row.kernel}, c, row.wanted)
		if err != nil || got.Profile != row.live || got.Boot != row.boot {
			t.Errorf("%s: live %s, boot %s, %v; want %s, %s", name, got.Profile, got.Boot, err, row.live, row.boot)
		}
	}
	if _, err := remembered(t.Context(), loaded{t: t, err: errors.New("no iptables")}, c, confirm.Wanted{}); err == nil {
		t.Error("a kernel that cannot be asked counts as one without rules")
	}
}
