package engine

import (
	"fmt"
	"testing"
)

// BenchmarkPlan200Steps is a plan of 200 steps that take no time of their own: what the
// engine adds.
func BenchmarkPlan200Steps(b *testing.B) {
	w := newWorld()
	var steps []Step
	for i := range 200 {
		var needs []string
		for j := max(0, i-3); j < i; j++ {
			needs = append(needs, fmt.Sprint("s", j))
		}
		steps = append(steps, w.step(fmt.Sprint("s", i), i/30, needs...))
		w.set(fmt.Sprint("s", i), "yes")
	}
	bench := newBench(b, steps...).start()
	defer bench.stop()
	for b.Loop() {
		if p, err := bench.e.Plan(b.Context(), Selection{}); err != nil || p.Changes() != 0 {
			b.Fatal(err)
		}
	}
}

// BenchmarkJournalWrite is one change of a step with its event, on the disk.
func BenchmarkJournalWrite(b *testing.B) {
	bench := newBench(b).start()
	defer bench.stop()
	s := OperationStep{ID: "network/bridge", Title: "Create internal bridge vmbr1", State: StepRunning,
		Differences: []Difference{{Kind: Create, Object: "link vmbr1", Want: "bridge, up"}}}
	for b.Loop() {
		err := bench.e.journal.write("step", func(c *change) error {
			if err := c.step("op-00000001", 1, s); err != nil {
				return err
			}
			return c.events(Event{Type: EventStep, Operation: "op-00000001", Step: s.ID, State: string(s.State), Details: s.Differences})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply20Steps is a full operation over 20 steps, journal included.
func BenchmarkApply20Steps(b *testing.B) {
	for b.Loop() {
		w := newWorld()
		var steps []Step
		for i := range 20 {
			steps = append(steps, w.step(fmt.Sprint("s", i), 0))
		}
		bench := newBenchIn(b, b.TempDir(), steps...).start()
		if op := bench.apply(); op.State != OpDone {
			b.Fatal(outcome(op))
		}
		bench.stop()
	}
}
