package confirm

import (
	"os/exec"
	"sync"
	"testing"
	"time"
)

// control is measured beside what has to be in time: again and again it sleeps for
// a moment and starts a program that does nothing, which is what a rollback consists
// of. What that takes longer than usual is time in which the machine stood still or
// ran somebody else; no firewall could have been faster by it.
type control struct {
	mu   sync.Mutex
	last time.Duration // Boottime at which the present round began
	lost []span
}

type span struct{ from, to time.Duration }

const (
	controlPause = 50 * time.Millisecond
	unremarkable = 200 * time.Millisecond // of a round, on a machine that runs us
)

func newControl(t testing.TB) *control {
	t.Helper()
	c := &control{last: Boottime()}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(controlPause):
			}
			if err := exec.Command("true").Run(); err != nil {
				t.Errorf("the control: %v", err)
				return
			}
			c.round()
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return c
}

func (c *control) round() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := Boottime()
	if now-c.last > unremarkable {
		c.lost = append(c.lost, span{c.last, now})
	}
	c.last = now
}

// stoodStill is for how long the machine did so between the two times of
// CLOCK_BOOTTIME. The present round counts too.
func (c *control) stoodStill(from, to time.Duration) (sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.lost
	if now := Boottime(); now-c.last > unremarkable {
		all = append(all[:len(all):len(all)], span{c.last, now})
	}
	for _, s := range all {
		sum += max(0, min(s.to, to)-max(s.from, from))
	}
	return sum
}

func TestTheControlSeesAMachineThatStandsStill(t *testing.T) {
	c := &control{last: 10 * time.Second, lost: []span{{2 * time.Second, 3 * time.Second}, {5 * time.Second, 9 * time.Second}}}
	c.last = Boottime() + time.Hour // no present round
	for _, row := range []struct{ from, to, want time.Duration }{
		{0, 20, 5}, {0, 2, 0}, {3, 5, 0}, {6, 8, 2}, {8, 20, 1}, {2, 6, 2},
	} {
		if got := c.stoodStill(row.from*time.Second, row.to*time.Second); got != row.want*time.Second {
			t.Errorf("from %d to %d: %s, want %d s", row.from, row.to, got, row.want)
		}
	}
}
