package csigate_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
)

// atOnce runs do for 0 to n-1 at the same time.
func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (w *world) holds(want int) {
	w.t.Helper()
	if v, targets, b := w.left(); v != want || targets != want || b != want {
		w.t.Fatalf("%d volumes, %d targets, %d backstores, want %d of each", v, targets, b, want)
	}
}

func TestTwentyAtOnceAndTwoHundredInSequenceLeaveNoOrphan(t *testing.T) {
	for name, row := range map[string]struct {
		wire     func(*world) csigatetest.Wire
		sequence int
	}{
		"a connection for each command": {func(w *world) csigatetest.Wire { return w.each() }, 200},
		"all on one connection":         {func(w *world) csigatetest.Wire { return w }, 40},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.limits.Rate, w.limits.Burst = 1e6, 1e6
			w.start()
			d := w.d
			d.Wire = row.wire(w)
			must(t, atOnce(20, func(i int) error { return d.CreateVolume(fmt.Sprintf("pvc-p%d", i), 16<<20) }))
			w.holds(20)
			for i := range row.sequence {
				must(t, d.CreateVolume(fmt.Sprintf("pvc-s%d", i), 16<<20))
			}
			w.holds(20 + row.sequence)
			must(t, atOnce(20, func(i int) error { return d.DeleteVolume(fmt.Sprintf("pvc-p%d", i)) }))
			for i := range row.sequence {
				must(t, d.DeleteVolume(fmt.Sprintf("pvc-s%d", i)))
			}
			w.holds(0)
			if got := w.tree.String(); got != "target/iscsi/\n" {
				t.Fatalf("left over:\n%s", got)
			}
			for _, r := range w.records() {
				if r.Outcome == csigate.Refused || r.Outcome == csigate.Rejected {
					t.Fatalf("%+v", r)
				}
			}
			t.Logf("%d commands, audited one by one", len(w.records()))
		})
	}
}

func TestTwoCreatesOfOneNameAtOnceMakeOneVolume(t *testing.T) {
	w := newWorld(t).start()
	must(t, atOnce(8, func(int) error { return w.d.CreateVolume("pvc-1", 16<<20) }))
	w.holds(1)
	must(t, atOnce(8, func(int) error { return w.d.DeleteVolume("pvc-1") }))
	w.holds(0)
}
