package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestApply(t *testing.T) {
	answer := func(s Step, r Result, err error) Step {
		s.Check = func(context.Context) (Result, error) { return r, err }
		return s
	}
	adopt := Difference{Kind: Adopt, Object: "link vmbr1", Is: "up", Want: "up"}
	for name, row := range map[string]struct {
		steps   func(w *world) []Step
		consent Consent
		sel     Selection
		ends    string
		code    string // of the operation's failure
		says    string
	}{
		"what differs is changed, what does not is left alone": {
			steps: func(w *world) []Step { w.set("a", "yes"); return []Step{w.step("a", 0), w.step("b", 1, "a")} },
			ends:  lines("done", "a unchanged", "b changed"),
		},
		"a failed step bars those that need it, and no others": {
			steps: func(w *world) []Step {
				w.breaks("a", errors.New("disk full"))
				return []Step{w.step("a", 0), w.step("b", 0, "a"), w.step("c", 1, "b"), w.step("d", 1)}
			},
			ends: lines("failed", "a failed", "b skipped", "c skipped", "d changed"),
			code: "internal", says: "cannot apply step a: disk full",
		},
		"a conflict is nobody's to solve but the operator's": {
			steps: func(w *world) []Step {
				return []Step{answer(w.step("a", 0), Found(Difference{Kind: Conflict, Object: "link vmbr1", Is: "10.9.0.1/24", Want: "10.10.0.1/24"}, adopt), nil)}
			},
			consent: Consent{Adopt: true},
			ends:    lines("failed", "a failed"), code: "conflict", says: "link vmbr1 is 10.9.0.1/24, should be 10.10.0.1/24",
		},
		"an adoption needs consent": {
			steps: func(w *world) []Step { return []Step{answer(w.step("a", 0), Found(adopt), nil)} },
			ends:  lines("failed", "a failed"), code: "adoption_needed", says: "link vmbr1 is up",
		},
		"an adoption with consent is applied": {
			steps: func(w *world) []Step {
				s := w.step("a", 0)
				look := s.Check
				s.Check = func(ctx context.Context) (Result, error) {
					if w.get("a") == "" {
						return Found(adopt), nil
					}
					return look(ctx)
				}
				return []Step{s}
			},
			consent: Consent{Adopt: true},
			ends:    lines("done", "a changed"),
		},
		"a step that still differs after it was applied has failed": {
			steps: func(w *world) []Step {
				s := w.step("a", 0)
				s.Apply = func(context.Context, *Run) error { return nil }
				return []Step{s}
			},
			ends: lines("failed", "a failed"), code: "not_settled", says: "a is absent, should be yes",
		},
		"a step that is not knowable although its needs are done has failed": {
			steps: func(w *world) []Step { return []Step{answer(w.step("a", 0), Unknowable("no pool rpool"), nil)} },
			ends:  lines("failed", "a failed"), code: "needs_not_done", says: "no pool rpool",
		},
		"a check that fails fails its step": {
			steps: func(w *world) []Step {
				return []Step{answer(w.step("a", 0), Result{}, problem.New(problem.HostUnsuitable, "install it", "no iptables"))}
			},
			ends: lines("failed", "a failed"), code: "host_unsuitable", says: "no iptables",
		},
		"a check without an answer fails its step": {
			steps: func(w *world) []Step { return []Step{answer(w.step("a", 0), Result{}, nil)} },
			ends:  lines("failed", "a failed"), code: "internal", says: "gave no answer",
		},
		"a panic in apply is the step's failure": {
			steps: func(w *world) []Step {
				s := w.step("a", 0)
				s.Apply = func(context.Context, *Run) error { panic("nil map") }
				return []Step{s, w.step("b", 0)}
			},
			ends: lines("failed", "a failed", "b changed"), code: "internal", says: "the apply of step a panicked: nil map",
		},
		"a panic in check is the step's failure": {
			steps: func(w *world) []Step {
				s := w.step("a", 0)
				s.Check = func(context.Context) (Result, error) { panic("nil map") }
				return []Step{s}
			},
			ends: lines("failed", "a failed"), code: "internal", says: "the check of step a panicked: nil map",
		},
		"an open gate lets its followers wait": {
			steps: func(w *world) []Step {
				return []Step{w.step("a", 0), w.gate("dns", 1, "a"), w.step("b", 1, "dns"), w.step("c", 1, "b"), w.step("d", 1)}
			},
			ends: lines("waiting", "a changed", "dns gate", "b skipped", "c skipped", "d changed"),
		},
		"an open gate that nothing selected needs does not hold anything up": {
			steps: func(w *world) []Step { return []Step{w.step("a", 0), w.gate("dns", 0, "a"), w.step("b", 1, "dns")} },
			sel:   Selection{Phases: []int{0}},
			ends:  lines("done", "a changed", "dns gate"),
		},
		"a gate outside the selection is waited for too": {
			steps: func(w *world) []Step { return []Step{w.step("a", 0), w.gate("dns", 0), w.step("b", 1, "dns")} },
			sel:   Selection{Phases: []int{1}},
			ends:  lines("waiting", "b skipped"),
		},
		"a gate whose condition holds is passed": {
			steps: func(w *world) []Step { w.set("dns", "yes"); return []Step{w.gate("dns", 1), w.step("b", 1, "dns")} },
			ends:  lines("done", "dns unchanged", "b changed"),
		},
		"a failure counts more than a gate": {
			steps: func(w *world) []Step {
				w.breaks("x", errors.New("no"))
				return []Step{w.gate("dns", 1), w.step("b", 1, "dns"), w.step("x", 1)}
			},
			ends: lines("failed", "dns gate", "b skipped", "x failed"), code: "internal", says: "step x",
		},
		"a need outside the selection is looked at, and not applied": {
			steps: func(w *world) []Step { return []Step{w.step("a", 0), w.step("b", 1, "a")} },
			sel:   Selection{Phases: []int{1}},
			ends:  lines("failed", "b skipped"), code: "needs_not_done", says: "a is not done",
		},
		"a need outside the selection that is done is enough": {
			steps: func(w *world) []Step { w.set("a", "yes"); return []Step{w.step("a", 0), w.step("b", 1, "a")} },
			sel:   Selection{Phases: []int{1}},
			ends:  lines("done", "b changed"),
		},
		"a need that can only be looked at after a selected step waits for it": {
			steps: func(w *world) []Step {
				w.set("b", "yes")
				return []Step{w.step("a", 0), w.step("b", 1, "a"), w.step("c", 2, "b")}
			},
			sel:  Selection{Steps: []string{"a", "c"}},
			ends: lines("done", "a changed", "c changed"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			b := newBench(t, row.steps(w)...).start()
			defer b.stop()
			op := b.run(Request{Kind: KindApply, Selection: row.sel, Consent: row.consent})
			want(t, "outcome", outcome(op), row.ends)
			if len(w.faults) > 0 {
				t.Error(w.faults)
			}
			switch {
			case row.code == "" && op.Error != nil:
				t.Fatalf("unexpected failure %+v", op.Error)
			case row.code != "" && (op.Error == nil || op.Error.Code != row.code || !strings.Contains(op.Error.Detail, row.says)):
				t.Fatalf("failure %+v, want %s with %q", op.Error, row.code, row.says)
			case row.code != "" && op.Error.Hint == "":
				t.Errorf("failure %+v does not say what to do", op.Error)
			}
		})
	}
}

func TestReadyStepsRunSideBySideUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		running, most := 0, 0
		var steps []Step
		for i := range 10 {
			s := w.step(fmt.Sprint("s", i), 0)
			apply := s.Apply
			s.Apply = func(ctx context.Context, r *Run) error {
				w.mu.Lock()
				running++
				most = max(most, running)
				w.mu.Unlock()
				time.Sleep(time.Second)
				w.mu.Lock()
				running--
				w.mu.Unlock()
				return apply(ctx, r)
			}
			steps = append(steps, s)
		}
		b := newBench(t, steps...)
		b.o.Parallel = 3
		b.start()
		defer b.stop()
		began := time.Now()
		if op := b.apply(); op.State != OpDone {
			t.Fatal(outcome(op))
		}
		if took := time.Since(began); most != 3 || took != 4*time.Second {
			t.Fatalf("%d side by side in %s, want 3 in 4s", most, took)
		}
	})
}

func TestACheckThatHangsFailsItsStepInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.step("a", 0)
		s.Check = func(ctx context.Context) (Result, error) { <-ctx.Done(); return Result{}, ctx.Err() }
		deaf := w.step("deaf", 0)
		deaf.Check = func(context.Context) (Result, error) { time.Sleep(time.Hour); return IsDone(), nil }
		b := newBench(t, s, deaf).start()
		defer b.stop()
		began := time.Now()
		op := b.apply()
		want(t, "outcome", outcome(op), lines("failed", "a failed", "deaf failed"))
		if took := time.Since(began); took > 32*time.Second {
			t.Fatalf("it took %s", took)
		}
		if !strings.Contains(op.Error.Detail, "no answer within 30s") {
			t.Fatal(op.Error)
		}
		time.Sleep(time.Hour) // the deaf one wakes up, or the bubble would deadlock
	})
}

func TestOneOperationAtATimeChangesAnArea(t *testing.T) {
	w := newWorld()
	hold := make(chan struct{})
	s := w.step("a", 0)
	apply := s.Apply
	s.Apply = func(ctx context.Context, r *Run) error { <-hold; return apply(ctx, r) }
	b := newBench(t, s, w.step("b", 1)).start()
	defer b.stop()
	first, err := b.e.Start(t.Context(), Request{Kind: KindApply, Selection: Selection{Phases: []int{0}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.e.Start(t.Context(), Request{Kind: KindApply})
	if p := problem.From(err); p.Code != problem.OperationRunning || len(p.Others) != 1 || p.Others[0] != first.ID || !strings.Contains(p.Detail, first.ID+" is changing a") {
		t.Fatalf("second operation: %+v", p)
	}
	if op := b.run(Request{Kind: KindApply, Selection: Selection{Phases: []int{1}}}); op.State != OpDone {
		t.Fatalf("an operation in another area: %s", outcome(op))
	}
	close(hold)
	b.wait(first.ID)
	if op := b.apply(); op.State != OpDone {
		t.Fatalf("after the first has ended: %s", outcome(op))
	}
}

func TestCancelStopsAfterTheRunningStep(t *testing.T) {
	w := newWorld()
	entered, hold := make(chan struct{}), make(chan struct{})
	s := w.step("a", 0)
	apply := s.Apply
	s.Apply = func(ctx context.Context, r *Run) error { close(entered); <-hold; return apply(ctx, r) }
	b := newBench(t, s, w.step("b", 0, "a")).start()
	defer b.stop()
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	for range 2 {
		if got, err := b.e.Cancel(t.Context(), op.ID, Caller{Name: "me"}); err != nil || !got.Cancel || got.State != OpRunning {
			t.Fatalf("cancel: %+v, %v", got, err)
		}
	}
	close(hold)
	want(t, "outcome", outcome(b.wait(op.ID)), lines("cancelled", "a changed", "b skipped"))
	if got, err := b.e.Cancel(t.Context(), op.ID, Caller{}); err != nil || got.State != OpCancelled {
		t.Fatalf("cancel of an ended one: %+v, %v", got, err)
	}
	if _, err := b.e.Cancel(t.Context(), "op-99999999", Caller{}); !problem.Is(err, problem.NotFound) {
		t.Fatalf("cancel of none: %v", err)
	}
}

func TestWaitEndsWithItsContextAndSaysHowFarItIs(t *testing.T) {
	w := newWorld()
	hold := make(chan struct{})
	s := w.step("a", 0)
	s.Apply = func(context.Context, *Run) error { <-hold; return nil }
	b := newBench(t, s).start()
	defer b.stop()
	defer close(hold)
	op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got, err := b.e.Wait(ctx, op.ID)
	if !errors.Is(err, context.DeadlineExceeded) || got == nil || got.State != OpRunning {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestStartRefuses(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0)).start()
	for name, row := range map[string]struct {
		req  Request
		code problem.Code
	}{
		"a kind that nobody may ask for":   {Request{Kind: KindReconcile}, problem.InvalidRequest},
		"a kind that does not exist":       {Request{Kind: "destroy"}, problem.InvalidRequest},
		"a phase that does not exist":      {Request{Kind: KindApply, Selection: Selection{Phases: []int{9}}}, problem.NotFound},
		"an undo with nothing to put back": {Request{Kind: KindUndo}, problem.NotUndoable},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := b.e.Start(t.Context(), row.req); !problem.Is(err, row.code) {
				t.Fatalf("got %v, want %s", err, row.code)
			}
		})
	}
	b.stop()
	if _, err := b.e.Start(t.Context(), Request{Kind: KindApply}); !problem.Is(err, problem.Unavailable) {
		t.Fatalf("start on a closed engine: %v", err)
	}
}
