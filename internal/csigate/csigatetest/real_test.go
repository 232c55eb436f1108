package csigatetest_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
)

func TestEveryCommandShapeOnTheRealKernel(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		name string
		wire csigatetest.Wire
	}{
		{"all on one connection", w.driver().Wire},
		{"a connection for each command", csigatetest.Dialer(w.dial)},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := w.driverOn(row.wire)
			rows := d.Transcript()
			csigatetest.Replay(t, d.Wire, rows)
			w.nothingElse()
			if !t.Failed() {
				fmt.Printf("transcript: %d commands, %s: stdout, stderr and exit code as on the stand-ins\n", len(rows), row.name)
			}
		})
	}
}

func atOnce(n int, do func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// number reads how much is to be tried.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

func TestTwentyAtOnceAndManyInSequenceLeaveNoOrphanOnTheRealKernel(t *testing.T) {
	w, n := newWorld(t), number(t, "WADDLE_CSI_SEQUENCE", 200)
	d := w.driverOn(csigatetest.Dialer(w.dial))
	began := time.Now()
	must(t, atOnce(20, func(i int) error { return d.CreateVolume(fmt.Sprintf("pvc-p%d", i), 16*csigatetest.MiB) }))
	w.holds(20)
	fmt.Printf("parallel: 20 volumes at once made in %.1f s\n", time.Since(began).Seconds())
	must(t, atOnce(20, func(i int) error { return d.DeleteVolume(fmt.Sprintf("pvc-p%d", i)) }))
	w.nothingElse()

	began, d = time.Now(), w.driver()
	for i := range n {
		must(t, d.CreateVolume(fmt.Sprintf("pvc-s%d", i), 16*csigatetest.MiB))
	}
	w.holds(n)
	fmt.Printf("sequence: %d volumes made one after the other in %.1f s\n", n, time.Since(began).Seconds())
	for i := range n {
		must(t, d.DeleteVolume(fmt.Sprintf("pvc-s%d", i)))
	}
	w.nothingElse()
	fmt.Printf("sequence: %d volumes made and deleted in %.1f s, no orphan\n", n, time.Since(began).Seconds())
}

var errKilled = errors.New("killed")

// fuse fails every operation from one on, as a SIGKILL before it would.
type fuse struct {
	mu     sync.Mutex
	left   int
	killed bool
}

func (f *fuse) seam(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		f.killed = true
		return errKilled
	}
	f.left--
	return nil
}

// The stand-ins are killed at every point; this is a sample of them on the real
// kernel.
func TestADaemonKilledIsFinishedByTheSameCommandAgainOnTheRealKernel(t *testing.T) {
	const size = 16 * csigatetest.MiB
	w, step := newWorld(t), number(t, "WADDLE_CSI_STEP", 3)
	all := 0
	for _, row := range []struct {
		name   string
		before bool // pvc-1 is there
		left   int  // volumes afterwards
		rpc    func(d csigatetest.Driver) error
	}{
		{"create", false, 1, func(d csigatetest.Driver) error { return d.CreateVolume("pvc-1", size) }},
		{"clone", true, 2, func(d csigatetest.Driver) error { return d.CreateVolumeFromVolume("pvc-2", 2*size, "pvc-1", false) }},
		{"delete", true, 0, func(d csigatetest.Driver) error { return d.DeleteVolume("pvc-1") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			points := 0
			for n := 0; ; n += step {
				if row.before {
					must(t, w.driver().CreateVolume("pvc-1", size))
				}
				f := &fuse{left: n}
				w.seam = f.seam
				w.start()
				err := row.rpc(w.driver())
				w.seam = nil
				w.start()
				if (err != nil) != f.killed {
					t.Fatalf("killed before operation %d: %v, killed %v", n+1, err, f.killed)
				}
				if err := row.rpc(w.driver()); err != nil {
					t.Fatalf("killed before operation %d, then again: %v", n+1, err)
				}
				w.holds(row.left)
				for _, id := range []string{"pvc-2", "pvc-1"} {
					must(t, w.driver().DeleteVolume(id))
				}
				w.nothingElse()
				if !f.killed {
					break
				}
				points++
			}
			all += points
			fmt.Printf("crash: %s: killed at %d points, every %d., ended as asked each time\n", row.name, points, step)
		})
	}
	if all == 0 {
		t.Error("it was never killed")
	}
}
