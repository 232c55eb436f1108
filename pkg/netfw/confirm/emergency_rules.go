package confirm

import (
	"fmt"
	"slices"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// emergencyRules is lockdown with the exceptions: from the host's platform when
// it can be read, otherwise the built-in one, with what is forwarded as it is
// confirmed.
func (f *Firewall) emergencyRules(r EmergencyRequest) (netfw.RuleSet, string) {
	x := netfw.Exception{Sources: r.Sources, TCP: r.Ports}
	if f.lockdown != nil {
		set, err := f.lockdown(x)
		if err == nil {
			return set, "the platform's lockdown"
		}
		f.log.Warn("cannot make the platform's lockdown, taking the built-in one", "error", err)
	}
	set := BuiltinEmergency(x)
	s, err := f.read()
	if err != nil {
		return set, "the built-in lockdown"
	}
	confirmed, err := f.confirmedRules(s)
	if err != nil || confirmed == nil {
		return set, "the built-in lockdown"
	}
	return over(inputOnly(set), *confirmed), "the built-in lockdown; what is forwarded stays as confirmed"
}

func inputOnly(set netfw.RuleSet) netfw.RuleSet {
	only := func(chains []netfw.Chain) []netfw.Chain {
		return slices.DeleteFunc(slices.Clone(chains), func(c netfw.Chain) bool { return !isInput(c) })
	}
	return netfw.RuleSet{V4: only(set.V4), V6: only(set.V6)}
}

// BuiltinEmergency is the built-in lockdown with exceptions before its last
// rule: what docs/recovery.md has as plain commands.
func BuiltinEmergency(x netfw.Exception) netfw.RuleSet {
	set := netfw.BuiltinLockdown()
	for _, k := range kinds[:2] {
		chains := set.Of(k.family)
		i := slices.IndexFunc(chains, isInput)
		rules := chains[i].Rules
		chains[i].Rules = slices.Concat(rules[:len(rules)-1], exceptions(k.family, x), rules[len(rules)-1:])
	}
	return set
}

func exceptions(family netfw.Family, x netfw.Exception) (rules []string) {
	for _, src := range x.Sources {
		if src.Addr().Is4() != (family == netfw.IPv4) {
			continue
		}
		for _, port := range x.TCP {
			rules = append(rules, fmt.Sprintf("-s %s -p tcp -m tcp --dport %d -j ACCEPT", src, port))
		}
	}
	return rules
}
