package engine

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestEventsTellAnOperationsStory(t *testing.T) {
	w := newWorld()
	s := w.step("a", 0)
	apply := s.Apply
	s.Apply = func(ctx context.Context, r *Run) error { r.Progress("half way"); return apply(ctx, r) }
	b := newBench(t, s, w.gate("dns", 0), w.step("b", 0, "dns")).start()
	defer b.stop()
	b.e.Publish(Event{Type: "platform", Message: "before"})
	op := b.apply()
	b.e.Publish(Event{Type: "platform", Message: "after"})
	b.apply()
	var told []string
	for ev, err := range b.e.Events(t.Context(), EventFilter{Operation: op.ID}) {
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, strings.TrimSpace(fmt.Sprintln(ev.Type, ev.Step, ev.State)))
	}
	got := "\n" + lines(told...) + "\n"
	if told[0] != "operation  running" || told[len(told)-1] != "operation  waiting" {
		t.Error("it must begin and end with the operation:", got)
	}
	for _, line := range []string{"step a running", "progress a running", "step a changed", "gate dns gate", "step b skipped"} {
		if strings.Count(got, "\n"+line+"\n") != 1 {
			t.Errorf("want %q once in:%s", line, got)
		}
	}
}

func TestEventsOfAnUnknownOperation(t *testing.T) {
	b := newBench(t).start()
	defer b.stop()
	for _, err := range b.e.Events(t.Context(), EventFilter{Operation: "op-1"}) {
		if !problem.Is(err, problem.NotFound) {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the stream ended without an error")
}

// Followers that join at any time, and read as slowly as they like, see each
// number exactly once and in order.
func TestEventsHaveNoGapAndNoDuplicate(t *testing.T) {
	b := newBench(t).start()
	defer b.stop()
	const total = 700 // more than two batches
	results := make(chan error)
	for follower := range 4 {
		go func() {
			next := uint64(follower * 5)
			for ev, err := range b.e.Events(t.Context(), EventFilter{After: next}) {
				if next++; err != nil || ev.Seq != next {
					results <- fmt.Errorf("follower %d: got %d, want %d, error %v", follower, ev.Seq, next, err)
					return
				}
				if follower == 3 && next%50 == 0 {
					time.Sleep(time.Millisecond)
				}
				if next == total {
					break
				}
			}
			results <- nil
		}()
	}
	for i := range total {
		b.e.Publish(Event{Type: "platform", Message: fmt.Sprint(i)})
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// What is kept is a value that cannot be read: who reads it gets an error.
func TestTheNewEventsBeginAfterTheCallAndNoneThatIsKeptIsRead(t *testing.T) {
	b := newBench(t).start()
	defer b.stop()
	next := func(events iter.Seq2[Event, error]) (Event, error) {
		for ev, err := range events {
			return ev, err
		}
		t.Fatal("the stream ended")
		return Event{}, nil
	}
	first := b.e.Events(t.Context(), EventFilter{New: true})
	b.e.Publish(Event{Type: "platform", Message: "kept"})
	if ev, err := next(first); err != nil || ev.Seq != 1 || ev.Message != "kept" {
		t.Errorf("the first event of all: %+v, %v", ev, err)
	}
	err := b.db.Update("rubbish", func(tx *bbolt.Tx) error { return tx.Bucket([]byte(events)).Put(eventKey(1), []byte("rubbish")) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next(b.e.Events(t.Context(), EventFilter{})); err == nil {
		t.Error("what is kept was read without an error: the test proves nothing")
	}
	later := b.e.Events(t.Context(), EventFilter{New: true, After: 7})
	b.e.Publish(Event{Type: "platform", Message: "new", Time: time.Now().Add(-time.Hour)}) // a report is told later than it is made
	for range 2 {                                                                          // who reads it again gets the same
		if ev, err := next(later); err != nil || ev.Seq != 2 || ev.Message != "new" {
			t.Errorf("the new event: %+v, %v", ev, err)
		}
	}
}

func TestNewEventsOfAStateFileThatIsClosedAreAnError(t *testing.T) {
	b := newBench(t).start()
	b.stop()
	for _, err := range b.e.Events(t.Context(), EventFilter{New: true}) {
		if err == nil {
			t.Error("no error")
		}
		return
	}
	t.Error("the stream ended without an error")
}

func TestSeqRisesOverRestarts(t *testing.T) {
	b := newBench(t).start()
	b.e.Publish(Event{Type: "platform"})
	b.e.Publish(Event{Type: "platform"})
	b.stop()
	b.start()
	defer b.stop()
	b.e.Publish(Event{Type: "platform"})
	for ev, err := range b.e.Events(t.Context(), EventFilter{After: 2}) {
		if err != nil || ev.Seq != 3 {
			t.Fatalf("%+v, %v", ev, err)
		}
		return
	}
}

func TestProgressIsThinnedOutButTheLastIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.step("a", 0)
		apply := s.Apply
		s.Apply = func(ctx context.Context, r *Run) error {
			for i := range int64(1000) {
				r.Report("downloading", &Progress{Done: i + 1, Total: 1000, Unit: "bytes"})
				time.Sleep(time.Millisecond)
			}
			return apply(ctx, r)
		}
		b := newBench(t, s).start()
		defer b.stop()
		op := b.apply()
		var seen []int64
		for ev := range b.e.Events(t.Context(), EventFilter{Operation: op.ID}) {
			if ev.Type == EventProgress {
				seen = append(seen, ev.Progress.Done)
			}
		}
		if len(seen) < 4 || len(seen) > 6 || seen[len(seen)-1] != 1000 {
			t.Fatalf("1000 reports in 1s became %v", seen)
		}
		if op.Steps[0].Message != "downloading" {
			t.Fatalf("message %q", op.Steps[0].Message)
		}
	})
}

func TestAReportIsToldSoonEvenWhenNoOtherFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := w.step("a", 0)
		apply := s.Apply
		s.Apply = func(ctx context.Context, r *Run) error {
			r.Progress("first")
			r.Progress("waiting for the node")
			time.Sleep(time.Hour)
			return apply(ctx, r)
		}
		b := newBench(t, s).start()
		defer b.stop()
		op, err := b.e.Start(t.Context(), Request{Kind: KindApply})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if now, err := b.e.Operation(op.ID); err != nil || now.Steps[0].Message != "waiting for the node" {
			t.Fatalf("%+v, %v", now, err)
		}
		b.wait(op.ID)
	})
}

func TestOperationsAreListedNewestFirstInPages(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0)).start()
	defer b.stop()
	for range 5 {
		b.apply()
	}
	b.run(Request{Kind: KindUndo})
	var seen []string
	f := OperationFilter{Limit: 2, Kinds: []OperationKind{KindApply}}
	for {
		page, next, err := b.e.Operations(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range page {
			seen = append(seen, op.ID)
			if len(op.Steps) != 1 {
				t.Errorf("%s has %d steps", op.ID, len(op.Steps))
			}
		}
		if f.Page = next; next == "" {
			break
		}
	}
	want(t, "operations", lines(seen...), lines("op-00000005", "op-00000004", "op-00000003", "op-00000002", "op-00000001"))
	if none, _, err := b.e.Operations(OperationFilter{States: []OperationState{OpFailed}}); err != nil || len(none) != 0 || none == nil {
		t.Fatalf("%v, %v", none, err)
	}
	if _, err := b.e.Operation("op-x"); !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
}

func TestPruneByCountKeepsTheNewestAndItsEvents(t *testing.T) {
	w := newWorld()
	b := newBench(t, w.step("a", 0))
	b.o.Keep.Count = 2
	b.start()
	for range 6 {
		b.apply()
	}
	b.stop() // waits for the last pruning
	b.start()
	defer b.stop()
	page, _, err := b.e.Operations(OperationFilter{})
	if err != nil || len(page) != 2 || page[0].ID != "op-00000006" || page[1].ID != "op-00000005" {
		t.Fatalf("%v, %v", page, err)
	}
	seen := map[string]int{}
	b.e.Publish(Event{Type: "end"})
	for ev, err := range b.e.Events(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Type == "end" {
			break
		}
		seen[ev.Operation]++
	}
	if len(seen) != 2 || seen["op-00000006"] != 3 || seen["op-00000005"] != 3 {
		t.Fatalf("events left: %v", seen)
	}
	if _, err := b.e.Operation("op-00000001"); !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if op := b.apply(); op.ID != "op-00000007" {
		t.Fatalf("numbers must go on rising, got %s", op.ID)
	}
}

func TestPruneByAgeNeverTakesARunningOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		long := w.step("long", 1)
		apply := long.Apply
		long.Apply = func(ctx context.Context, r *Run) error { time.Sleep(200 * 24 * time.Hour); return apply(ctx, r) }
		b := newBench(t, w.step("a", 0), long).start()
		defer b.stop()
		old := b.run(Request{Kind: KindApply, Selection: Selection{Phases: []int{0}}})
		running, err := b.e.Start(t.Context(), Request{Kind: KindApply, Selection: Selection{Phases: []int{1}}})
		if err != nil {
			t.Fatal(err)
		}
		b.e.Publish(Event{Type: "platform"})
		time.Sleep(100 * 24 * time.Hour)
		b.e.prune()
		b.e.pruneLoose()
		if _, err := b.e.Operation(old.ID); !problem.Is(err, problem.NotFound) {
			t.Fatalf("the old one: %v", err)
		}
		if op, err := b.e.Operation(running.ID); err != nil || op.State != OpRunning {
			t.Fatalf("the running one: %+v, %v", op, err)
		}
		b.wait(running.ID)
		for ev := range b.e.Events(t.Context(), EventFilter{}) {
			if ev.Operation != running.ID {
				t.Fatalf("an event is left: %+v", ev)
			}
			if ev.State == string(OpDone) {
				break
			}
		}
	})
}
