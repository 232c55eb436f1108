package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caring is a bench with a running reconciler, inside a synctest bubble.
type caring struct {
	*bench
	triggers chan string
	end      func()
}

func care(t *testing.T, b *bench) *caring {
	b.start()
	c := &caring{bench: b, triggers: make(chan string)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- b.e.Reconcile(ctx, c.triggers) }()
	c.end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("reconcile: %v", err)
		}
		b.stop()
	}
	synctest.Wait() // its first look, at everything, is over
	return c
}

// event is a kernel event and the time it takes to be looked into.
func (c *caring) event(kind string) {
	c.triggers <- kind
	time.Sleep(c.e.o.Debounce + time.Millisecond)
	synctest.Wait()
}

func (c *caring) drift() string {
	var got []string
	for _, r := range c.e.Drift() {
		got = append(got, fmt.Sprint(r.Step, " ", r.Kind))
	}
	return lines(got...)
}

func (c *caring) repairs() int {
	ops, _, err := c.e.Operations(OperationFilter{Kinds: []OperationKind{KindReconcile}, Limit: 500})
	if err != nil {
		c.t.Fatal(err)
	}
	return len(ops)
}

func TestDriftOfAnAppliedStepIsRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		deaf := w.step("deaf", 0)
		deaf.Watches = []string{eventRules}
		b := newBench(t, w.step("bridge", 0), w.step("address", 0, "bridge"), deaf, w.step("never", 1))
		c := care(t, b)
		defer c.end()
		b.run(Request{Kind: KindApply, Selection: Selection{Phases: []int{0}}})
		for _, gone := range []string{"bridge", "address", "deaf"} {
			w.set(gone, "")
		}
		c.event(eventLink)
		want(t, "after a link event", w.String(), lines("address=yes", "bridge=yes"))
		want(t, "drift", c.drift(), "")
		op, err := b.e.Operation("op-00000002")
		if err != nil {
			t.Fatal(err)
		}
		want(t, "repair in one operation", outcome(op), lines("done", "bridge changed", "address changed"))
		if op.Kind != KindReconcile || op.Caller.Name != "reconciler" {
			t.Fatalf("%+v", op)
		}
		time.Sleep(b.e.o.ReconcileEvery)
		synctest.Wait()
		want(t, "after the timer", w.String(), lines("address=yes", "bridge=yes", "deaf=yes"))
		var told []string
		b.e.Publish(Event{Type: "end"})
		for ev := range b.e.Events(t.Context(), EventFilter{}) {
			if ev.Type == "end" {
				break
			}
			if ev.Operation == "" {
				told = append(told, fmt.Sprint(ev.Type, " ", ev.Step))
			}
		}
		want(t, "events", lines(told...), lines("drift bridge", "drift address", "repaired bridge", "repaired address", "drift deaf", "repaired deaf"))
	})
}

func TestAManyVoicedKernelIsListenedToOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := newBench(t, w.step("a", 0))
		c := care(t, b)
		defer c.end()
		b.apply()
		synctest.Wait()
		before := w.calls(w.checked, "a")
		for range 100 {
			c.triggers <- eventLink
			time.Sleep(time.Millisecond)
		}
		c.event(eventLink)
		if got := w.calls(w.checked, "a") - before; got != 1 {
			t.Fatalf("101 events within the debounce time were %d looks", got)
		}
	})
}

func TestAChangedPlatformIsNotAppliedBehindTheOperatorsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := newBench(t, w.step("a", 0), w.step("b", 0))
		c := care(t, b)
		defer c.end()
		b.apply()
		b.source("r2", w.stepTo("a", "new", 0), w.step("b", 0))
		c.event(WatchAll)
		want(t, "drift", c.drift(), "a pending")
		w.set("b", "") // b was confirmed under r2, so this is drift
		c.event(eventLink)
		want(t, "world", w.String(), lines("a=yes", "b=yes"))
		if c.repairs() != 1 {
			t.Fatalf("%d repairs", c.repairs())
		}
		b.apply()
		synctest.Wait()
		want(t, "after the operator's apply", c.drift(), "")
		w.set("a", "")
		c.event(eventLink)
		want(t, "world", w.String(), lines("a=new", "b=yes"))
	})
}

func TestWhatOnlyTheOperatorMaySolveIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		kind := Create
		s := w.step("a", 0)
		check := s.Check
		s.Check = func(ctx context.Context) (Result, error) {
			r, err := check(ctx)
			if r.State == Differs {
				r.Differences[0].Kind = kind
			}
			return r, err
		}
		w.set("dns", "yes")
		sick := w.step("sick", 0)
		healthy := sick.Check
		sick.Check = func(ctx context.Context) (Result, error) {
			if err := w.brokenStep("check sick"); err != nil {
				return Result{}, err
			}
			return healthy(ctx)
		}
		b := newBench(t, s, w.gate("dns", 0), sick, w.step("on-sick", 0, "sick"))
		c := care(t, b)
		defer c.end()
		b.apply()
		w.set("a", "")
		w.set("dns", "")
		w.breaks("check sick", errors.New("netlink: no buffer space"))
		for _, kind = range []Kind{Conflict, Adopt} {
			c.event(WatchAll)
			want(t, "drift", c.drift(), lines("a blocked", "dns gate", "on-sick unknown", "sick unknown"))
		}
		if r := c.e.Drift()[3]; r.Error == nil || !strings.Contains(r.Error.Detail, "no buffer space") {
			t.Fatalf("%+v", r)
		}
		if c.repairs() != 0 || w.get("a") != "" {
			t.Fatal("it was touched")
		}
		w.set("a", "yes")
		w.set("dns", "yes")
		w.breaks("check sick", nil)
		c.event(WatchAll)
		want(t, "drift after the operator put it right", c.drift(), "")
	})
}

func TestAFailingRepairIsTriedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := newBench(t, w.step("a", 0))
		c := care(t, b)
		defer c.end()
		b.apply()
		w.set("a", "")
		w.breaks("a", errors.New("device busy"))
		c.event(eventLink)
		for range 100 { // events do not shorten the wait
			c.event(eventLink)
		}
		r := c.e.Drift()[0]
		if r.Kind != DriftFailed || r.NextAttempt == nil || r.Error == nil || !strings.Contains(r.Error.Detail, "device busy") || r.Operation == "" {
			t.Fatalf("%+v", r)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		// 5, 10, 20, … s up to 15 min: 8 tries in the first 22 min, then four an hour.
		if n := c.repairs(); n < 8 || n > 13 {
			t.Fatalf("%d tries in an hour", n)
		}
		if got := c.e.Drift()[0].Attempts; got != c.repairs() {
			t.Fatalf("%d attempts reported, %d made", got, c.repairs())
		}
		w.breaks("a", nil)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		want(t, "world", w.String(), "a=yes")
		want(t, "drift", c.drift(), "")
	})
}

func TestARepairThatDoesNotLastSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := newBench(t, w.step("a", 0))
		c := care(t, b)
		defer c.end()
		b.apply()
		for range 1000 { // somebody else takes it away, five times a second
			w.set("a", "")
			c.event(eventLink)
		}
		if n := c.repairs(); n < tolerated || n > 25 {
			t.Fatalf("%d repairs in %s", n, 1000*(b.e.o.Debounce+time.Millisecond))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want(t, "world once the other has stopped", w.String(), "a=yes")
	})
}

func TestTheReconcilerWaitsForAnOperationInItsArea(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		slow := w.stepTo("slow", "new", 1, "a")
		slow.Area = "a"
		apply := slow.Apply
		slow.Apply = func(ctx context.Context, r *Run) error {
			w.set("a", "") // half way through, the area looks as if it had drifted
			time.Sleep(time.Minute)
			w.set("a", "yes")
			return apply(ctx, r)
		}
		b := newBench(t, w.step("a", 0), slow)
		c := care(t, b)
		defer c.end()
		b.run(Request{Kind: KindApply, Selection: Selection{Phases: []int{0}}})
		op, err := b.e.Start(t.Context(), Request{Kind: KindApply, Selection: Selection{Phases: []int{1}}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			c.event(eventLink)
		}
		want(t, "drift meanwhile", c.drift(), "")
		if c.repairs() != 0 {
			t.Fatal("it fought the operation")
		}
		b.wait(op.ID)
		synctest.Wait()
		if c.repairs() != 0 || w.get("a") != "yes" {
			t.Fatal("what was seen meanwhile counted")
		}
	})
}

func TestAnUndonePhaseIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		plain := w.step("plain", 0)
		plain.Undo = nil
		b := newBench(t, w.step("a", 0), plain)
		c := care(t, b)
		defer c.end()
		b.apply()
		b.run(Request{Kind: KindUndo})
		w.set("plain", "")
		c.event(WatchAll)
		time.Sleep(time.Hour)
		synctest.Wait()
		want(t, "world", w.String(), "")
		if c.repairs() != 0 {
			t.Fatal("it applied again what was undone")
		}
	})
}

func TestAReconcilerWithoutAPlatformWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := newBench(t, w.step("a", 0))
		good, asked := b.graph, 0
		b.graph = func() (*Graph, error) { asked++; return nil, errors.New("no platform") }
		c := care(t, b)
		defer c.end()
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked > 14 {
			t.Fatalf("asked %d times in an hour", asked)
		}
		b.graph = good
		b.apply()
	})
}

func TestWaitsDoubleUpToALimit(t *testing.T) {
	var got []string
	for _, n := range []int{1, 2, 3, 8, 9, 1000} {
		got = append(got, doubled(firstWait, n).String())
	}
	want(t, "waits", strings.Join(got, " "), "5s 10s 20s 10m40s 15m0s 15m0s")
}

// Between a look and its repair an undo may have come and gone: what was seen
// must not be repaired then.
func TestALookIsWorthNothingOnceAnotherHasHadTheArea(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0)).start()
	defer b.stop()
	b.apply()
	w.set("a", "")
	g, err := b.graph()
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := b.e.journal.readRecords()
	if err != nil {
		t.Fatal(err)
	}
	turns, held := b.e.turnsNow()
	l := &driftLook{e: b.e, graph: g, recorded: recorded, turns: turns, held: held, deferred: map[string]bool{}}
	l.choose(agenda{kinds: map[string]bool{WatchAll: true}})
	l.looks = b.e.look(t.Context(), g, l.steps)
	if !l.judge() {
		t.Fatal("the drift was not seen")
	}
	b.run(Request{Kind: KindUndo})
	l.repair(t.Context())
	if got := w.get("a"); got != "" || !l.deferred["a"] {
		t.Fatalf("a is %q, put off: %v", got, l.deferred)
	}
}

func TestARepairOfAnOlderPlatformIsNotResumed(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0)).start()
	b.apply()
	b.stop()
	w.set("a", "")
	k := &killer{}
	b.seam = func(op string) error {
		if op == "journal:step-running:after" {
			k.mu.Lock()
			k.dead = true
			k.mu.Unlock()
		}
		return k.hit(op)
	}
	w.hit = k.hit
	b.start()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.e.Reconcile(ctx, nil) }()
	for {
		k.mu.Lock()
		dead := k.dead
		k.mu.Unlock()
		if dead {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b.stop()
	b.seam, w.hit = nil, nil
	b.source("r2", w.stepTo("a", "new", 0))
	b.start()
	defer b.stop()
	if err := b.e.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := b.wait("op-00000002")
	if op.Kind != KindReconcile || op.State != OpInterrupted || !strings.Contains(op.Error.Detail, "changed to r2") {
		t.Fatalf("%s %s: %+v", op.Kind, op.State, op.Error)
	}
	if got := w.get("a"); got != "" {
		t.Fatalf("the changed platform was applied behind the operator's back: a is %q", got)
	}
}
