package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// killedInside starts an apply and kills the daemon half way through the
// change of one step.
func killedInside(t *testing.T, w *world, b *bench, step string) (id string) {
	t.Helper()
	k := &killer{}
	b.seam = k.hit
	w.hit = func(op string) error {
		if op == "world:"+step && w.things[step] == "half" {
			k.mu.Lock()
			k.dead = true
			k.mu.Unlock()
		}
		return k.hit(op)
	}
	b.start()
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	b.untilDeadOrDone(k, op.ID)
	b.stop()
	if w.get(step) != "half" {
		t.Fatalf("%s is %q, want it half done", step, w.get(step))
	}
	w.hit, b.seam = nil, nil
	return op.ID
}

func TestAStepThatAsksForAPersonInterruptsItsOperation(t *testing.T) {
	w := newWorld()
	s := w.step("bootstrap", 0)
	s.OnInterrupt = AskOperator
	b := newBench(t, s, w.step("b", 0, "bootstrap"))
	id := killedInside(t, w, b, "bootstrap")
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := b.wait(id)
	want(t, "outcome", outcome(op), lines("interrupted", "bootstrap failed", "b skipped"))
	if op.Error == nil || op.Error.Step != "bootstrap" || op.Error.Hint == "" || !strings.Contains(op.Error.Detail, "inside step bootstrap") {
		t.Fatalf("%+v", op.Error)
	}
	if w.calls(w.applied, "bootstrap") != 1 {
		t.Fatal("it was applied again unseen")
	}
	// The operator has looked and asks again.
	want(t, "again", outcome(b.apply()), lines("done", "bootstrap changed", "b changed"))
}

func TestAnOrdinaryStepIsAppliedAgain(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0))
	id := killedInside(t, w, b, "a")
	b.start()
	defer b.stop()
	for range 2 { // a second Resume finds nothing to take up
		if err := b.e.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	op := b.wait(id)
	want(t, "outcome", outcome(op), lines("done", "a changed"))
	if op.Resumed != 1 || op.Steps[0].Differences[0].Is != "" {
		t.Fatalf("resumed %d times; what differed at first must be kept: %+v", op.Resumed, op.Steps[0].Differences)
	}
}

func TestACancelSurvivesTheDaemon(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	entered := make(chan struct{}, 1)
	apply := s.Apply
	s.Apply = func(ctx context.Context, r *Run) error {
		select {
		case entered <- struct{}{}:
			<-ctx.Done() // the first daemon dies here
			return ctx.Err()
		default:
			return apply(ctx, r)
		}
	}
	// The second life finds entered full.
	b := newBench(t, s, w.step("b", 0, "a")).start()
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	for len(entered) == 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := b.e.Cancel(t.Context(), op.ID, Caller{Name: "me"}); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := errors.Join(b.e.Close(over), b.db.Close()); err != nil {
		t.Fatal(err)
	}
	b.start()
	defer b.stop()
	if got, err := b.e.Operation(op.ID); err != nil || got.State != OpRunning || got.Steps[0].State != StepRunning {
		t.Fatalf("a closed daemon leaves the operation to the next: %+v, %v", got, err)
	}
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "outcome", outcome(b.wait(op.ID)), lines("cancelled", "a changed", "b skipped"))
}

func TestResumeUsesThePlatformAsItIsNow(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0), w.step("b", 0, "a"), w.step("old", 1, "b"))
	id := killedInside(t, w, b, "b")
	b.source("r2", w.stepTo("a", "new", 0), w.step("b", 0, "a"), w.step("fresh", 1, "b"))
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := b.wait(id)
	want(t, "outcome", outcome(op), lines("done", "a changed", "b changed", "fresh changed", "old skipped"))
	want(t, "world", w.String(), lines("a=new", "b=yes", "fresh=yes"))
	if op.Revision != "r2" {
		t.Fatal(op.Revision)
	}
	said := false
	for ev := range b.e.Events(t.Context(), EventFilter{Operation: id}) {
		said = said || strings.Contains(ev.Message, "from revision r1 to r2")
	}
	if !said {
		t.Fatal("no event tells of the new revision")
	}
}

func TestResumeWithoutAUsablePlatformInterrupts(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0))
	id := killedInside(t, w, b, "a")
	good := b.graph
	b.graph = func() (*Graph, error) {
		return nil, problem.New(problem.InvalidPlatform, "", "line 3: unknown key")
	}
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := b.wait(id)
	if op.State != OpInterrupted || !strings.Contains(op.Error.Detail, "line 3: unknown key") || op.Error.Hint == "" {
		t.Fatalf("%s: %+v", op.State, op.Error)
	}
	b.graph = good
	want(t, "again", outcome(b.apply()), lines("done", "a changed"))
}

func TestAnOperationThatStandsStillKeepsItsAreaUntilItGoesOn(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0), w.step("b", 0, "a"))
	full := true
	k := &killer{}
	b.seam = func(op string) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if full && op == "journal:step-done:before" {
			return errors.New("no space left on device")
		}
		return nil
	}
	b.start()
	defer b.stop()
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	b.e.work.Wait()
	if _, err := b.e.Start(t.Context(), Request{Kind: KindApply}); !problem.Is(err, problem.OperationRunning) {
		t.Fatalf("start: %v", err)
	}
	k.mu.Lock()
	full = false
	k.mu.Unlock()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "outcome", outcome(b.wait(op.ID)), lines("done", "a changed", "b changed"))
	if op := b.apply(); op.State != OpDone {
		t.Fatal(outcome(op))
	}
}

func TestCloseLetsTheRunningStepEndAndLeavesTheRest(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	entered := make(chan struct{})
	apply := s.Apply
	var b *bench
	s.Apply = func(ctx context.Context, r *Run) error {
		close(entered)
		for !b.e.isClosing() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
		return apply(ctx, r)
	}
	b = newBench(t, s, w.step("b", 0, "a")).start()
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	b.stop()
	want(t, "world", w.String(), "a=yes")
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "outcome", outcome(b.wait(op.ID)), lines("done", "a changed", "b changed"))
}

func TestCloseDoesNotWaitForeverForAStepThatHeedsNothing(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	hold, entered := make(chan struct{}), make(chan struct{})
	s.Apply = func(context.Context, *Run) error { close(entered); <-hold; return nil }
	b := newBench(t, s).start()
	if _, err := b.e.Start(t.Context(), Request{Kind: KindApply}); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := b.e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	close(hold)
	b.stop()
}
