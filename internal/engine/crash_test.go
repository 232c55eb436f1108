package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var errKilled = errors.New("killed")

// killer ends the daemon at the n-th point: from then on nothing is written and
// nothing in the world changes.
type killer struct {
	mu    sync.Mutex
	at    int // 0 kills never
	count int
	dead  bool
	ops   map[string]int
}

func (k *killer) hit(op string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.count++
	if k.ops == nil {
		k.ops = map[string]int{}
	}
	k.ops[op]++
	if k.count == k.at {
		k.dead = true
	}
	if k.dead {
		return errKilled
	}
	return nil
}

// crashWorld is a full apply with everything in it: a thing that is right
// already, one that was there before, an open and a passed gate, a failure.
func crashWorld() (*world, []Step) {
	w := newWorld()
	w.set("right", "yes")
	w.set("old", "by hand")
	w.set("dns", "yes")
	w.breaks("bad", errors.New("disk full"))
	talks := w.step("talks", 2, "bridge")
	apply := talks.Apply
	talks.Apply = func(ctx context.Context, r *Run) error { r.Progress("half way"); return apply(ctx, r) }
	return w, []Step{
		w.step("right", 0), w.step("old", 0), w.step("sysctl", 0, "old"),
		w.step("bridge", 1, "right"), w.step("nat", 1, "bridge", "sysctl"), w.gate("dns", 1),
		talks, w.step("vm", 2, "dns", "nat"), w.gate("ack", 2, "vm"), w.step("behind", 2, "ack"),
		w.step("bad", 3, "bridge"), w.step("after-bad", 3, "bad"), w.step("lonely", 3),
	}
}

// run applies, kills at the given points of each life in turn, and goes on
// until the operation has ended. It returns everything that is left to see.
func crashRun(t *testing.T, kind OperationKind, lives ...int) (end string, first *killer) {
	t.Helper()
	w, steps := crashWorld()
	b := newBench(t, steps...)
	if kind == KindUndo {
		b.start()
		b.apply()
		b.stop()
	}
	for life, at := range append(lives, 0) {
		k := &killer{at: at}
		if life == 0 {
			first = k
		}
		b.seam, w.hit = k.hit, k.hit
		if id := b.begin(kind); id != "" {
			b.untilDeadOrDone(k, id)
		}
		b.stop() // waits for the goroutines of the dead
		w.hit = nil
	}
	b.seam = nil
	b.start()
	defer b.stop()
	ops, _, err := b.e.Operations(OperationFilter{Kinds: []OperationKind{kind}})
	if err != nil || len(ops) != 1 {
		t.Fatalf("%d operations, want 1: %v", len(ops), err)
	}
	if len(w.faults) > 0 {
		t.Error(w.faults)
	}
	return outcome(&ops[0]) + "\n--\n" + w.String() + "\n--\n" + recordsText(t, b.e), first
}

// begin starts a daemon that goes on with the operation, or starts it when the
// journal has none. It returns "" when the daemon was killed before.
func (b *bench) begin(kind OperationKind) (id string) {
	b.start()
	if err := b.e.Resume(context.Background()); err != nil {
		return ""
	}
	ops, _, err := b.e.Operations(OperationFilter{Kinds: []OperationKind{kind}})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(ops) > 0 {
		return ops[0].ID
	}
	op, err := b.e.Start(context.Background(), Request{Kind: kind, Caller: Caller{Name: "test"}})
	if err != nil {
		return ""
	}
	return op.ID
}

func (b *bench) untilDeadOrDone(k *killer, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		news := b.e.journal.next()
		op, err := b.e.Operation(id)
		if err != nil {
			b.t.Fatal(err)
		}
		k.mu.Lock()
		over := k.dead || op.Final()
		k.mu.Unlock()
		if over {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			b.t.Fatalf("operation %s neither ends nor dies: %s", id, outcome(op))
		}
	}
}

func recordsText(t *testing.T, e *Engine) string {
	recs, err := e.journal.readRecords()
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, id := range slices.Sorted(maps.Keys(recs)) {
		text = append(text, fmt.Sprintf("%s before %s applied %t", id, cleanJSON(recs[id].Before), recs[id].Applied != nil))
	}
	return lines(text...)
}

func cleanJSON(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "-"
	}
	return string(raw)
}

func TestKilledAtEveryPointAnOperationEndsAsIfItHadNotBeen(t *testing.T) {
	t.Parallel()
	for _, kind := range []OperationKind{KindApply, KindUndo} {
		t.Run(string(kind), func(t *testing.T) {
			wanted, whole := crashRun(t, kind)
			t.Logf("uninterrupted:\n%s", wanted)
			tried := 0
			for {
				got, k := crashRun(t, kind, tried+1)
				if got != wanted {
					t.Fatalf("killed at point %d:\n%s\nwant:\n%s", tried+1, got, wanted)
				}
				if !k.dead {
					break
				}
				tried++
			}
			if tried < 40 {
				t.Fatalf("only %d points", tried)
			}
			writes := 0
			for op, n := range whole.ops {
				if strings.HasPrefix(op, "journal:") {
					writes += n
				}
			}
			t.Logf("%s: killed at %d points, %d of them before or after a journal write, %d inside a step", kind, tried, writes, tried-writes)
		})
	}
}

func TestKilledTwiceAtEveryPairOfPoints(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("hundreds of pairs: not with -short")
	}
	wanted, whole := crashRun(t, KindApply)
	pairs := 0
	for first := 1; first <= whole.count; first += 5 {
		for second := 1; second <= 16; second += 4 {
			if got, _ := crashRun(t, KindApply, first, second); got != wanted {
				t.Fatalf("killed at point %d and then %d:\n%s\nwant:\n%s", first, second, got, wanted)
			}
			pairs++
		}
	}
	t.Logf("killed twice at %d pairs of points", pairs)
}
