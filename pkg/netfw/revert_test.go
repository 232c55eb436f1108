package netfw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// play does to a chain's rules what iptables-restore does with the changes.
func play(rules []string, hook string, changes []string) []string {
	for _, c := range changes {
		w := strings.SplitN(c, " ", 3)
		if w[1] != hook {
			continue
		}
		switch w[0] {
		case "-D":
			i := slices.Index(rules, w[2])
			if i < 0 {
				panic("deletion of a rule that is not there: " + c)
			}
			rules = slices.Delete(slices.Clone(rules), i, i+1)
		case "-I":
			pos, spec, _ := strings.Cut(w[2], " ")
			n, err := strconv.Atoi(pos)
			if err != nil || n < 1 || n > len(rules)+1 {
				panic(fmt.Sprintf("%s with %d rules", c, len(rules)))
			}
			rules = slices.Insert(slices.Clone(rules), n-1, spec)
		}
	}
	return rules
}

func hookOf(rules []string) *savedChain {
	c := &savedChain{name: "INPUT", policy: "ACCEPT"}
	for _, r := range rules {
		c.rules = append(c.rules, savedRule{text: r, normal: normalOf(r)})
	}
	return c
}

// TestUndoOfAnAdoptionIsExactWhateverTheOrder draws INPUT chains of lines that are
// adopted, of others and of jumps to ours, adopts, lets somebody add a rule,
// and undoes.
func TestUndoOfAnAdoptionIsExactWhateverTheOrder(t *testing.T) {
	set, err := Rules(phase0())
	if err != nil {
		t.Fatal(err)
	}
	c := set.V4[0]
	lines := []string{
		"-p tcp -m tcp --dport 8006 -j DROP", "-p tcp -m tcp --dport 22 -j ACCEPT", "-m state --state RELATED,ESTABLISHED -j ACCEPT",
		"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-i lo -j ACCEPT", "-j DROP",
		"-j PVEFW-INPUT", "-s 198.51.100.0/24 -j DROP", "-p udp -m udp --dport 53 -j ACCEPT", "-j WADDLE-INPUT",
	}
	rapid.Check(t, func(t *rapid.T) {
		was := rapid.SliceOfN(rapid.SampledFrom(lines), 0, 12).Draw(t, "rules")
		adopt := rapid.Bool().Draw(t, "adopt")
		is := saved{{name: "filter", chains: []savedChain{*hookOf(was)}}}
		before := captureChain(adoptable(phase0(), c), c, is)

		var load tableLoad
		load.add(is, phase0(), c, adopt)
		now := play(was, "INPUT", load.changes)
		if n := hookOf(now).count(normalText(c.jump())); n != 1 {
			t.Fatalf("%d jumps in %q", n, now)
		}
		var undo tableLoad
		undo.revertHook(hookOf(now), before)
		if got := play(now, "INPUT", undo.changes); !slices.Equal(got, was) {
			t.Fatalf("undo of %q gives\n%q, not\n%q", now, got, was)
		}
		again := tableLoad{}
		again.revertHook(hookOf(was), before)
		if len(again.changes) > 0 {
			t.Fatalf("a second undo does %q", again.changes)
		}

		added := slices.Insert(slices.Clone(now), rapid.IntRange(0, len(now)).Draw(t, "place"), "-s 203.0.113.77/32 -j DROP")
		undo = tableLoad{}
		undo.revertHook(hookOf(added), before)
		got := play(added, "INPUT", undo.changes)
		got = slices.DeleteFunc(got, func(r string) bool { return r == "-s 203.0.113.77/32 -j DROP" })
		if !slices.Equal(got, was) {
			t.Fatalf("undo beside a new rule gives\n%q, not\n%q", got, was)
		}
	})
}
