package netfw

import (
	"context"
	"slices"
	"strings"
)

// CompareRules says what LoadRules of the set would change. It changes nothing.
func (d *Driver) CompareRules(ctx context.Context, set RuleSet) ([]Difference, error) {
	snap, _, err := d.snapshotRules(ctx)
	if err != nil {
		return nil, err
	}
	var f Finding
	for _, fam := range families {
		is := snap.rules[fam]
		compareFamily(&f, fam, set.Of(fam), func(own Chain) *savedChain { return is.chain(own.Table, own.Name) })
		for _, c := range set.Of(fam) {
			lookJump(&f, fam, c, is.chain(c.Table, c.Hook))
		}
	}
	lookPins(&f, pinsIn(set), snap.pins)
	lookClosed(&f, snap.closed)
	return f.Differences, nil
}

// Changes says what turns one rule set into another.
func Changes(from, to RuleSet) []Difference {
	var f Finding
	for _, fam := range []Family{IPv4, IPv6, BridgePins} {
		compareFamily(&f, fam, to.Of(fam), func(own Chain) *savedChain {
			i := slices.IndexFunc(from.Of(fam), own.isNamed)
			if i < 0 {
				return nil
			}
			return asSaved(from.Of(fam)[i])
		})
	}
	return f.Differences
}

// compareFamily compares each chain that is ours or could be.
func compareFamily(f *Finding, fam Family, want []Chain, is func(Chain) *savedChain) {
	for _, own := range ownChains(fam) {
		i := slices.IndexFunc(want, own.isNamed)
		now := is(own)
		switch {
		case i >= 0:
			lookChain(f, fam, want[i], now)
		case now != nil:
			f.add(Difference{Kind: Remove, Object: ruleObject(fam, own.Table, own.Name), Is: strings.Join(now.texts(), "\n")})
		}
	}
}

func (c Chain) isNamed(other Chain) bool { return c.Table == other.Table && c.Name == other.Name }

func asSaved(c Chain) *savedChain {
	out := &savedChain{name: c.Name}
	for _, r := range c.Rules {
		out.rules = append(out.rules, savedRule{text: r, normal: normalText(r)})
	}
	return out
}
