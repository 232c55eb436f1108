package netfw

import (
	"context"
	"strings"
	"testing"
)

func BenchmarkLookWithTheSameGeneration(b *testing.B) {
	h := newHost(b)
	h.applyRules(planConfig(), Consent{})
	for b.Loop() {
		h.lookRules(planConfig())
	}
}

func BenchmarkLookAfterAChange(b *testing.B) {
	h := newHost(b)
	h.applyRules(planConfig(), Consent{})
	for b.Loop() {
		h.last = nil
		h.lookRules(planConfig())
	}
}

func BenchmarkLoadByOneRestore(b *testing.B) {
	h := newHost(b)
	set, _ := Rules(planConfig())
	t, err := h.findTools()
	if err != nil {
		b.Fatal(err)
	}
	input := loadInput(nil, planConfig(), set.V4, false)
	input = strings.ReplaceAll(input, "-I INPUT 1 -j WADDLE-INPUT\n", "")
	for b.Loop() {
		if err := h.restore(context.Background(), t, IPv4, input, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadByOneProcessARule(b *testing.B) {
	ownNamespace(b)
	set, _ := Rules(planConfig())
	for b.Loop() {
		for _, c := range set.V4 {
			run(b, "iptables -t "+c.Table+" -N "+c.Name+" 2>/dev/null || iptables -t "+c.Table+" -F "+c.Name)
			for _, r := range c.Rules {
				run(b, "exec iptables -t "+c.Table+" -A "+c.Name+" "+r)
			}
		}
	}
}
