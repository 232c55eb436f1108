package confirm

import (
	"slices"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// kinds are the families of a rule set and how their files' names end, as the
// driver names them.
var kinds = []struct {
	family netfw.Family
	suffix string
}{{netfw.IPv4, "v4"}, {netfw.IPv6, "v6"}, {netfw.BridgePins, "bridge"}}

// finalRule ends the input chain of every profile but open.
const finalRule = "-j DROP"

// render is a family's rule file, nil when it has no chains.
func render(set netfw.RuleSet, f netfw.Family) []byte {
	if chains := set.Of(f); len(chains) > 0 {
		return netfw.Render(chains)
	}
	return nil
}

func put(set *netfw.RuleSet, f netfw.Family, chains []netfw.Chain) {
	switch f {
	case netfw.IPv4:
		set.V4 = chains
	case netfw.IPv6:
		set.V6 = chains
	case netfw.BridgePins:
		set.Pins = chains
	}
}

// closes reports whether what the input chain does not name is dropped.
func closes(chains []netfw.Chain) bool {
	i := slices.IndexFunc(chains, isInput)
	if i < 0 {
		return false
	}
	rules := chains[i].Rules
	return len(rules) > 0 && rules[len(rules)-1] == finalRule
}

func isInput(c netfw.Chain) bool { return c.Hook == "INPUT" }

// over is set, and of base the chains that set does not have.
func over(set, base netfw.RuleSet) netfw.RuleSet {
	var out netfw.RuleSet
	for _, k := range kinds {
		chains := slices.Clone(set.Of(k.family))
		for _, b := range base.Of(k.family) {
			if !slices.ContainsFunc(chains, func(c netfw.Chain) bool { return c.Table == b.Table && c.Name == b.Name }) {
				chains = append(chains, b)
			}
		}
		slices.SortStableFunc(chains, func(a, b netfw.Chain) int { return int(a.Part) - int(b.Part) })
		put(&out, k.family, chains)
	}
	return out
}
