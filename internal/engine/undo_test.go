package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestUndoPutsBackWhatWasThereBeforeTheFirstApply(t *testing.T) {
	w := newWorld()
	w.set("a", "by hand")
	plain := w.step("plain", 1, "b")
	plain.Undo = nil
	b := newBench(t, w.step("a", 0), w.step("b", 1, "a"), plain).start()
	defer b.stop()
	b.apply()
	w.set("a", "drifted") // what was captured first counts, not what a later apply found
	b.apply()

	plan, err := b.e.UndoPlan(t.Context(), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Changes() != 2 || plan.Steps[0].ID != "plain" || plan.Steps[0].Undoable || !strings.Contains(plan.Steps[0].Result.Reason, "cannot be undone") {
		t.Fatalf("plan: %+v", plan)
	}
	if d := plan.Steps[2].Result.Differences[0]; d.Is != "yes" || d.Want != "by hand" {
		t.Fatalf("plan of a: %+v", d)
	}
	op := b.run(Request{Kind: KindUndo})
	want(t, "outcome", outcome(op), lines("done", "a changed", "b changed", "plain unchanged"))
	want(t, "world", w.String(), lines("a=by hand", "plain=yes"))

	w.set("a", "by hand, later")
	b.apply()
	b.run(Request{Kind: KindUndo})
	if got := w.get("a"); got != "by hand, later" {
		t.Fatalf("a second apply must capture anew, a is %q", got)
	}
	if recs, err := b.e.journal.readRecords(); err != nil || len(recs) != 0 {
		t.Fatalf("records left after the undo: %v, %v", recs, err)
	}
}

func TestUndoRefusesToTakeAwayWhatOthersRestOn(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0), w.step("b", 1, "a"), w.step("c", 1)).start()
	defer b.stop()
	b.apply()
	_, err := b.e.Start(t.Context(), Request{Kind: KindUndo, Selection: Selection{Phases: []int{0}}})
	if p := problem.From(err); p.Code != problem.NotUndoable || len(p.Others) != 1 || p.Others[0] != "b" {
		t.Fatalf("got %+v", p)
	}
	for _, phase := range []int{1, 0} {
		if op := b.run(Request{Kind: KindUndo, Selection: Selection{Phases: []int{phase}}}); op.State != OpDone {
			t.Fatal(outcome(op))
		}
	}
	want(t, "world", w.String(), "")
}

func TestAnUndoIsLookedAtNotBelieved(t *testing.T) {
	w := newWorld()
	liar := w.step("b", 0, "a")
	liar.Undo.Apply = func(context.Context, json.RawMessage, *Run) error { return nil }
	b := newBench(t, w.step("a", 0), liar).start()
	defer b.stop()
	b.apply()
	op := b.run(Request{Kind: KindUndo})
	want(t, "outcome", outcome(op), lines("failed", "a skipped", "b failed"))
	if !strings.Contains(op.Error.Detail, "still not as it was: b is yes, should be absent") {
		t.Fatal(op.Error)
	}
	rec, err := b.e.journal.readRecord("b")
	if err != nil || rec.Captured == nil || rec.Applied != nil {
		t.Fatalf("a failed undo keeps its record and counts as not applied: %+v, %v", rec, err)
	}
}

func TestAFailedUndoCanBeAskedForAgain(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0)).start()
	defer b.stop()
	b.apply()
	w.breaks("undo a", errors.New("busy"))
	if op := b.run(Request{Kind: KindUndo}); op.State != OpFailed || !strings.Contains(op.Error.Detail, "cannot undo step a: busy") {
		t.Fatal(outcome(op))
	}
	w.breaks("undo a", nil)
	want(t, "outcome", outcome(b.run(Request{Kind: KindUndo})), lines("done", "a changed"))
	want(t, "world", w.String(), "")
}

func TestACaptureThatFailsAppliesNothing(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	s.Undo.Capture = func(context.Context) (json.RawMessage, error) { return nil, errors.New("permission denied") }
	text := w.step("b", 0)
	text.Undo.Capture = func(context.Context) (json.RawMessage, error) { return json.RawMessage("not json"), nil }
	b := newBench(t, s, text).start()
	defer b.stop()
	want(t, "outcome", outcome(b.apply()), lines("failed", "a failed", "b failed"))
	want(t, "world", w.String(), "")
}

func TestAPanicInAnUndoIsTheStepsFailure(t *testing.T) {
	for _, where := range []string{"the capture", "the look before undoing", "the undo"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld()
			s := w.step("a", 0)
			show := s.Undo.Show
			switch where {
			case "the capture":
				s.Undo.Capture = func(context.Context) (json.RawMessage, error) { panic("nil map") }
			case "the undo":
				s.Undo.Apply = func(context.Context, json.RawMessage, *Run) error { panic("nil map") }
			default:
				show = func(context.Context, json.RawMessage) ([]Difference, error) { panic("nil map") }
			}
			s.Undo.Show = show
			b := newBench(t, s).start()
			defer b.stop()
			op := b.apply()
			if op.State == OpDone {
				op = b.run(Request{Kind: KindUndo})
			}
			if op.State != OpFailed || !strings.Contains(op.Error.Detail, where+" of step a panicked: nil map") {
				t.Fatalf("%s: %+v", outcome(op), op.Error)
			}
		})
	}
}

func TestAnUndoOverwritesNothingThatSomebodyElseMadeSince(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	s.Undo.Show = func(context.Context, json.RawMessage) ([]Difference, error) {
		return []Difference{{Kind: Conflict, Object: "link vmbr1", Is: "has port eth7", Want: "absent"}}, nil
	}
	b := newBench(t, s).start()
	defer b.stop()
	b.apply()
	op := b.run(Request{Kind: KindUndo})
	if op.State != OpFailed || op.Error.Code != "conflict" || !strings.Contains(op.Error.Detail, "has port eth7") || w.get("a") != "yes" {
		t.Fatalf("%s: %+v", outcome(op), op.Error)
	}
}
