package netfw

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// mutant is a rule set in which one rule is missing or says the opposite.
type mutant struct {
	profile, what string
	family        Family
	chain, rule   int
	set           RuleSet
}

// mutants are all of a profile's.
func mutants(profile string, set RuleSet) []mutant {
	var out []mutant
	for _, f := range []Family{IPv4, IPv6, BridgePins} {
		for i, c := range set.Of(f) {
			for j, text := range c.Rules {
				out = append(out,
					mutant{profile, fmt.Sprintf("%s %s without rule %d, %s", f, c.Name, j+1, text), f, i, j, changed(set, f, i, slices.Delete(slices.Clone(c.Rules), j, j+1))},
					mutant{profile, fmt.Sprintf("%s %s with rule %d inverted, %s", f, c.Name, j+1, text), f, i, j, changed(set, f, i, slices.Replace(slices.Clone(c.Rules), j, j+1, inverted(text)))})
			}
		}
	}
	return out
}

// changed is a copy of the set with other rules in one chain.
func changed(set RuleSet, f Family, i int, rules []string) RuleSet {
	chains := slices.Clone(set.Of(f))
	chains[i].Rules = rules
	switch f {
	case IPv4:
		set.V4 = chains
	case IPv6:
		set.V6 = chains
	default:
		set.Pins = chains
	}
	return set
}

// inverted is the rule with the opposite verdict.
func inverted(rule string) string {
	for from, to := range map[string]string{"-j ACCEPT": "-j DROP", "-j DROP": "-j ACCEPT", "-j RETURN": "-j DROP", "-j MASQUERADE": "-j RETURN", "counter drop": "accept"} {
		if s, ok := strings.CutSuffix(rule, from); ok {
			return s + to
		}
	}
	return strings.TrimSuffix(rule, "accept") + "counter drop" // of a pin
}

// notices reports whether the cell's outcome is not the table's.
func (w *world) notices(m mutant, c cell) bool {
	if c.profile != m.profile || m.family != BridgePins && m.family != c.family {
		return false
	}
	got, d := w.outcome(m.set, c)
	return got != c.comesAbout(w.behindFirewall) || c.want == 'c' && d.Text != internalDrop
}

// plainWorlds are the two stages without their namespaces: Decide needs none.
func plainWorlds(t testing.TB) []*world {
	link := map[string]string{"internet": "fe80::1", "rogue": "fe80::99", "host": "fe80::a", "host-internal": "fe80::b"}
	var out []*world
	for _, behindFirewall := range []bool{false, true} {
		w := &world{t: t, actors: stageActors(), behindFirewall: behindFirewall, link: map[string]netip.Addr{}}
		for name, a := range link {
			w.link[name] = addr(a)
		}
		out = append(out, w)
	}
	return out
}

// question is a cell that is asked of one of the worlds.
type question struct {
	*world
	cell
}

// questions are a profile's, all of them and by the rule that decides in the set as
// it should be: those are likely to notice that the rule is another.
func questions(worlds []*world, cells []cell, profile string, set RuleSet) (all []question, by map[string][]question) {
	by = map[string][]question{}
	for _, w := range worlds {
		for _, c := range cells {
			if c.profile != profile {
				continue
			}
			_, d := w.outcome(set, c)
			all = append(all, question{w, c})
			by[d.Text] = append(by[d.Text], question{w, c})
		}
	}
	return all, by
}

// TestEveryRuleIsNoticed removes and inverts each rule of each profile, and runs
// the cells by Decide, which TestWhoMayReachWhat shows to say what the kernel
// does on every one of them.
func TestEveryRuleIsNoticed(t *testing.T) {
	cells, worlds, sets := allCells(t), plainWorlds(t), allSets(t)
	var tried, missed atomic.Int64
	t.Run("profile", func(t *testing.T) {
		for _, profile := range columns {
			t.Run(profile, func(t *testing.T) {
				t.Parallel()
				all, by := questions(worlds, cells, profile, sets[profile])
				for _, m := range mutants(profile, sets[profile]) {
					tried.Add(1)
					notices := func(q question) bool { return q.notices(m, q.cell) }
					rule := sets[profile].Of(m.family)[m.chain].Rules[m.rule]
					if !slices.ContainsFunc(by[rule], notices) && !slices.ContainsFunc(all, notices) {
						missed.Add(1)
						t.Errorf("no cell notices %s", m.what)
					}
				}
			})
		}
	})
	t.Logf("%d rule sets with one rule removed or inverted tried, %d noticed by no cell", tried.Load(), missed.Load())
}

// TestMutantsWithRealPackets loads every twentieth of those rule sets into the
// kernel, and tries one of the cells that should notice it.
func TestMutantsWithRealPackets(t *testing.T) {
	cells, sets := allCells(t), allSets(t)
	for _, behindFirewall := range []bool{false, true} {
		s := newStage(t, behindFirewall)
		w := s.world()
		tried, n := 0, 0
		for _, profile := range columns {
			for _, m := range mutants(profile, sets[profile]) {
				n++
				if n%20 != 0 {
					continue
				}
				i := slices.IndexFunc(cells, func(c cell) bool { return c.want != 'c' && c.act() == "all up" && w.notices(m, c) })
				if i < 0 {
					continue // by the other stage, a counter, or when others are off
				}
				tried++
				if err := s.LoadRules(context.Background(), m.set); err != nil {
					t.Fatalf("%s: %v", m.what, err)
				}
				c := cells[i]
				c.want = map[bool]byte{true: '-', false: '+'}[c.comesAbout(behindFirewall)]
				s.forget()
				s.try(w, c)
			}
		}
		t.Logf("bridge-nf-call-iptables %t: %d of the rule sets loaded, and noticed by real packets", behindFirewall, tried)
		if tried < 15 {
			t.Errorf("only %d tried: the test proves nothing", tried)
		}
	}
}
