package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestPlanOfABareHostShowsEveryPhase(t *testing.T) {
	w := newWorld()
	early := w.step("early", 1, "a")
	early.CheckEarly = true
	b := newBench(t, w.step("a", 0), w.step("b", 1, "a"), w.step("c", 2, "a", "b"), early, w.gate("dns", 2), w.step("d", 3)).start()
	defer b.stop()
	w.set("d", "yes")
	p, err := b.e.Plan(t.Context(), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Steps {
		got = append(got, fmt.Sprint(s.ID, " ", s.Result.State, " ", s.Result.WaitsFor))
	}
	want(t, "plan", lines(got...), lines("a differs []", "b unknown [a]", "early differs []", "c unknown [a b]", "dns differs []", "d done []"))
	if p.Changes() != 2 || p.Revision != "r1" {
		t.Fatalf("%d changes at %s", p.Changes(), p.Revision)
	}
	if w.calls(w.checked, "b") != 0 {
		t.Error("a step was checked although its need is not done")
	}
	if w.String() != "d=yes" {
		t.Errorf("the plan changed the world: %s", w)
	}
}

func TestPlanAfterApplyHasNoChanges(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0), w.step("b", 1, "a")).start()
	defer b.stop()
	b.apply()
	p, err := b.e.Plan(t.Context(), Selection{Phases: []int{1}})
	if err != nil || p.Changes() != 0 || len(p.Steps) != 1 || p.Steps[0].ID != "b" || p.Steps[0].Result.State != Done {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestPlanShowsACheckThatFailed(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	s.Check = func(context.Context) (Result, error) { return Result{}, errors.New("netlink: permission denied") }
	b := newBench(t, s, w.step("b", 0, "a")).start()
	defer b.stop()
	p, err := b.e.Plan(t.Context(), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	if e := p.Steps[0].Error; e == nil || e.Detail != "netlink: permission denied" || p.Steps[0].Result.State != Unknown {
		t.Fatalf("%+v", p.Steps[0])
	}
	if got := p.Steps[1].Result.WaitsFor; len(got) != 1 || got[0] != "a" {
		t.Fatalf("b waits for %v", got)
	}
}

func TestPlanChecksSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var steps []Step
		for i := range 8 {
			s := w.step(fmt.Sprint(i), 0)
			s.Check = func(context.Context) (Result, error) { time.Sleep(time.Second); return IsDone(), nil }
			steps = append(steps, s)
		}
		b := newBench(t, steps...).start()
		defer b.stop()
		began := time.Now()
		if _, err := b.e.Plan(t.Context(), Selection{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Fatalf("8 checks of 1s, 4 side by side, took %s", took)
		}
	})
}

func TestPlanWithoutAPlatformIsThatProblem(t *testing.T) {
	b := newBench(t)
	b.graph = func() (*Graph, error) {
		return nil, problem.New(problem.NoPlatform, "run waddle init", "no platform yet")
	}
	b.start()
	defer b.stop()
	if _, err := b.e.Plan(t.Context(), Selection{}); !problem.Is(err, problem.NoPlatform) {
		t.Fatal(err)
	}
	if _, err := b.e.Start(t.Context(), Request{Kind: KindApply}); !problem.Is(err, problem.NoPlatform) {
		t.Fatal(err)
	}
}

func TestAcknowledge(t *testing.T) {
	w := newWorld()
	gate := w.gate("password", 0, "a")
	gate.Gate.Acknowledge = true
	gate.Check = nil
	b := newBench(t, w.step("a", 0), gate, w.step("b", 0, "password"), w.gate("dns", 0)).start()
	ack := func(step, note string) error {
		return b.e.Acknowledge(t.Context(), step, Caller{Name: "uid 0 (root)", From: "unix"}, note)
	}
	for step, code := range map[string]problem.Code{
		"password": problem.GateNotOpen, // a is not done
		"dns":      problem.GateNotOpen, // its check decides
		"a":        problem.GateNotOpen, // no gate
		"x":        problem.NotFound,
	} {
		if err := ack(step, ""); !problem.Is(err, code) {
			t.Fatalf("%s: %v, want %s", step, err, code)
		}
	}
	want(t, "before", outcome(b.apply()), lines("waiting", "a changed", "password gate", "b skipped", "dns gate"))
	for _, note := range []string{"changed on the console", "again"} {
		if err := ack("password", note); err != nil {
			t.Fatal(err)
		}
	}
	b.stop()
	b.start() // it outlives the daemon
	defer b.stop()
	a, ok := b.e.Acknowledgement("password")
	if !ok || a.Note != "changed on the console" || a.By.Name != "uid 0 (root)" || a.At.IsZero() {
		t.Fatalf("%+v", a)
	}
	want(t, "after", outcome(b.apply()), lines("done", "a unchanged", "password unchanged", "b changed", "dns gate"))
	if _, ok := b.e.Acknowledgement("dns"); ok {
		t.Fatal("nobody acknowledged dns")
	}
	withdraw := func(step string) error { return b.e.Withdraw(t.Context(), step, Caller{Name: "token ops"}) }
	if err := withdraw("password"); err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.start()
	want(t, "withdrawn", outcome(b.apply()), lines("waiting", "a unchanged", "password gate", "b skipped", "dns gate"))
	for _, step := range []string{"password", "dns", "x"} {
		if err := withdraw(step); !problem.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", step, err)
		}
	}
	if err := ack("password", "a third time"); err != nil {
		t.Fatal(err)
	}
	if a, ok := b.e.Acknowledgement("password"); !ok || a.Note != "a third time" {
		t.Errorf("%+v", a)
	}
}

func TestAStepThatIsLookedAtTooEarlyNamesWhatItWaitsFor(t *testing.T) {
	w := newWorld()
	forced := false
	gate := w.gate("lockdown", 0, "teleport")
	gate.CheckEarly = true
	gate.Check = func(context.Context) (Result, error) {
		if forced {
			return IsDone(), nil
		}
		return Unknowable("nothing is locked down"), nil
	}
	b := newBench(t, w.step("teleport", 0), gate).start()
	defer b.stop()
	look := func() Result {
		t.Helper()
		p, err := b.e.Plan(t.Context(), Selection{Steps: []string{"lockdown"}})
		if err != nil {
			t.Fatal(err)
		}
		return p.Steps[len(p.Steps)-1].Result
	}
	if r := look(); r.State != Unknown || len(r.WaitsFor) != 1 || r.WaitsFor[0] != "teleport" || r.Reason != "nothing is locked down" {
		t.Errorf("too early: %+v", r)
	}
	forced = true
	if r := look(); r.State != Done || len(r.WaitsFor) > 0 {
		t.Errorf("done early: %+v", r)
	}
}
