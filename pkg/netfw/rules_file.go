package netfw

import (
	"path"
	"slices"
)

func (d *Driver) ruleFile(f Family) string {
	switch f {
	case IPv6:
		return path.Join(d.rulesDir, "rules.v6")
	case BridgePins:
		return path.Join(d.rulesDir, "rules.bridge")
	}
	return path.Join(d.rulesDir, "rules.v4")
}

// ownChains are all chains of ours in a family, without rules.
func ownChains(f Family) []Chain {
	if f == BridgePins {
		return []Chain{{Part: PartPins, Table: pinTable, Name: pinChain, Hook: pinHook}}
	}
	out := []Chain{
		{Part: PartInput, Table: "filter", Name: inputChain, Hook: "INPUT"},
		{Part: PartForward, Table: "filter", Name: forwardChain, Hook: "FORWARD"},
	}
	if f == IPv4 {
		out = append(out, Chain{Part: PartNAT, Table: "nat", Name: postroutingChain, Hook: "POSTROUTING"})
	}
	return out
}

// mergeFile renders the rule file: the chains that are wanted now, and from the
// present file those of the parts that this call is not about. A damaged file
// has none of them; their own look then finds them missing and writes them.
func mergeFile(present []byte, f Family, chains []Chain, parts Part) []byte {
	all := slices.Clone(chains)
	old, err := parseSave(string(present))
	for _, own := range ownChains(f) {
		if own.Part&parts != 0 || err != nil {
			continue
		}
		if c := old.chain(own.Table, own.Name); c != nil {
			own.Rules = c.texts()
			all = append(all, own)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b Chain) int { return int(a.Part) - int(b.Part) })
	return Render(all)
}

// pinFile renders the rule file of the pins, nil when none is needed: a file that
// is there and should pin nothing says so.
func pinFile(exists bool, chains []Chain) []byte {
	if len(chains) == 0 && !exists {
		return nil
	}
	return Render(chains)
}

// fileHas reports whether the rule file has the chain: then it is ours already.
func fileHas(content []byte, c Chain) bool {
	s, err := parseSave(string(content))
	return err == nil && s.chain(c.Table, c.Name) != nil
}
