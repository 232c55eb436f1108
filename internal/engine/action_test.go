package engine

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

// acts lets the bench's daemons know one action: to make the thing that is named.
func (b *bench) acts(w *world) {
	b.o.Actions = func(_ context.Context, a Action) (*Graph, error) {
		var to string
		if err := json.Unmarshal(a.Args, &to); err != nil {
			return nil, err
		}
		if a.Verb != "make" {
			return nil, problem.New(problem.InvalidRequest, "ask for make", "there is no action %s", a.Verb)
		}
		return NewGraph("r1", []Step{w.stepTo(a.Subject, to, 0)})
	}
}

func TestAnActionIsAnOperationOfStepsThatAreBuiltForIt(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0))
	b.acts(w)
	b.start()
	defer b.stop()
	op, err := b.e.StartAction(t.Context(), Caller{Name: "me"}, Action{Verb: "make", Subject: "thing", Args: json.RawMessage(`"red"`)})
	if err != nil {
		t.Fatal(err)
	}
	done := b.wait(op.ID)
	want(t, "outcome", outcome(done), lines("done", "thing changed"))
	if done.Kind != KindAction || done.Action.Verb != "make" || w.get("thing") != "red" {
		t.Fatalf("%+v: the thing is %q", done, w.get("thing"))
	}
	// Nothing of it is kept: the step is no part of the platform.
	if rec, err := b.e.journal.readRecord("thing"); err != nil || rec.Applied != nil {
		t.Errorf("%+v, %v", rec, err)
	}
	if _, err := b.e.StartAction(t.Context(), Caller{}, Action{Verb: "break", Subject: "thing", Args: json.RawMessage(`""`)}); !problem.Is(err, problem.InvalidRequest) {
		t.Errorf("an action that there is not: %v", err)
	}
}

func TestAnActionThatWasKilledGoesOnWithTheNextDaemon(t *testing.T) {
	w := newWorld()
	b := newBench(t)
	b.acts(w)
	k := &killer{}
	b.seam = k.hit
	w.hit = func(op string) error {
		if op == "world:thing" && w.things["thing"] == "half" {
			k.mu.Lock()
			k.dead = true
			k.mu.Unlock()
		}
		return k.hit(op)
	}
	b.start()
	op, err := b.e.StartAction(t.Context(), Caller{Name: "me"}, Action{Verb: "make", Subject: "thing", Args: json.RawMessage(`"red"`)})
	if err != nil {
		t.Fatal(err)
	}
	b.untilDeadOrDone(k, op.ID)
	b.stop()
	if w.get("thing") != "half" {
		t.Fatalf("the thing is %q, want it half done", w.get("thing"))
	}
	w.hit, b.seam = nil, nil
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := b.wait(op.ID)
	want(t, "outcome", outcome(done), lines("done", "thing changed"))
	if done.Resumed != 1 || w.get("thing") != "red" {
		t.Fatalf("resumed %d times, the thing is %q", done.Resumed, w.get("thing"))
	}
}

// leftOver is a step whose apply leaves one difference that only the operator can remove.
func leftOver(w *world, id string) Step {
	s := w.step(id, 0)
	whole := s.Check
	s.Check = func(ctx context.Context) (Result, error) {
		r, err := whole(ctx)
		if w.get("boot of "+id) == "" {
			r.State = Differs
			r.Differences = append(r.Differences, Difference{Kind: Manual, Object: "boot of " + id, Note: "boot it"})
		}
		return r, err
	}
	return s
}

func TestWhatIsLeftToTheOperatorIsToldAndHoldsUpNothing(t *testing.T) {
	w := newWorld()
	b := newBench(t, leftOver(w, "vm"), w.step("next", 0, "vm")).start()
	defer b.stop()
	op := b.apply()
	want(t, "outcome", outcome(op), lines("done", "vm changed", "next changed"))
	if !strings.Contains(op.Steps[0].Message, "boot it") {
		t.Errorf("the step says %q", op.Steps[0].Message)
	}
	p, err := b.e.Plan(t.Context(), Selection{})
	if err != nil || p.Changes() != 0 || len(p.Steps[0].Result.Differences) != 1 {
		t.Fatalf("the plan has %d changes, and %+v, %v", p.Changes(), p.Steps[0], err)
	}
	again := b.apply()
	want(t, "again", outcome(again), lines("done", "vm unchanged", "next unchanged"))
	if w.calls(w.applied, "vm") != 1 {
		t.Errorf("it was applied %d times", w.calls(w.applied, "vm"))
	}
}

func TestTheReconcilerReportsWhatIsLeftToTheOperator(t *testing.T) {
	w := newWorld()
	b := newBench(t, leftOver(w, "vm")).start()
	defer b.stop()
	b.apply()
	b.e.repairDrift(t.Context(), agenda{kinds: map[string]bool{WatchAll: true}})
	drift := b.e.Drift()
	if len(drift) != 1 || drift[0].Kind != DriftBlocked || drift[0].Differences[0].Note != "boot it" {
		t.Fatalf("%+v", drift)
	}
	w.set("boot of vm", "done")
	b.e.repairDrift(t.Context(), agenda{kinds: map[string]bool{WatchAll: true}})
	if drift := b.e.Drift(); len(drift) != 0 {
		t.Errorf("it is still reported: %+v", drift)
	}
}
