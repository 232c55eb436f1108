package engine

import "time"

const (
	firstWait = 5 * time.Second  // after the first failed repair, doubled each time
	longest   = 15 * time.Minute // no wait is longer
	calm      = 10 * time.Minute // a repair that lasts this long has lasted
	tolerated = 10               // repairs that do not last, before it slows down
)

// tries slows the repair of one step down: when it fails, and when something
// else undoes it again and again.
type tries struct {
	failures int
	repairs  int
	last     time.Time // repair that succeeded
	next     time.Time // no attempt before
}

func (t *tries) failed(now time.Time) {
	t.failures++
	t.next = now.Add(doubled(firstWait, t.failures))
}

func (t *tries) repaired(now time.Time) {
	if now.Sub(t.last) > calm {
		t.repairs = 0
	}
	t.failures, t.last = 0, now
	t.repairs++
	if over := t.repairs - tolerated; over > 0 {
		t.next = now.Add(doubled(time.Second, over))
	}
}

// doubled is first for n = 1, twice that for n = 2, and so on up to longest.
func doubled(first time.Duration, n int) time.Duration {
	wait := first
	for range n - 1 {
		if wait *= 2; wait >= longest {
			return longest
		}
	}
	return wait
}
