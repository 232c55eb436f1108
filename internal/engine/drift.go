package engine

import (
	"cmp"
	"reflect"
	"slices"
	"sync"
	"time"
)

// driftBook is what the reconciler found last, and how its repairs went.
type driftBook struct {
	mu      sync.Mutex
	reports map[string]DriftReport
	tries   map[string]*tries
}

func newDriftBook() *driftBook {
	return &driftBook{reports: map[string]DriftReport{}, tries: map[string]*tries{}}
}

// Drift returns what the reconciler found last and has not seen put right
// since, by phase and step.
func (e *Engine) Drift() []DriftReport {
	b := e.drift
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]DriftReport, 0, len(b.reports))
	for _, r := range b.reports {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y DriftReport) int {
		return cmp.Or(cmp.Compare(x.Phase, y.Phase), cmp.Compare(x.Step, y.Step))
	})
	return all
}

// found notes r and reports whether it says something new.
func (b *driftBook) found(r DriftReport, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Since, r.Seen = now, now
	old, known := b.reports[r.Step]
	if known {
		r.Since, r.Operation = old.Since, old.Operation
		if r.Error == nil && r.Kind == DriftFailed {
			r.Error = old.Error
		}
	}
	if t := b.tries[r.Step]; t != nil {
		r.Attempts = t.failures + t.repairs
		if r.Kind == DriftFailed {
			r.NextAttempt = &t.next
		}
	}
	b.reports[r.Step] = r
	return !known || old.Kind != r.Kind || !reflect.DeepEqual(old.Differences, r.Differences)
}

// right forgets the step's report and reports whether there was one.
func (b *driftBook) right(step string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.reports[step]
	delete(b.reports, step)
	return known
}

// forget drops what is kept of steps that no longer count as applied.
func (b *driftBook) forget(keep func(step string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for step := range b.reports {
		if !keep(step) {
			delete(b.reports, step)
			delete(b.tries, step)
		}
	}
}

func (b *driftBook) has(step string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.reports[step]
	return known
}

// mayTry reports whether the step's waiting time is over.
func (b *driftBook) mayTry(step string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tries[step]
	return t == nil || !now.Before(t.next)
}

// tried notes how a repair went; failed is nil for one that succeeded.
func (b *driftBook) tried(step, operation string, failed *Failure, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tries[step]
	if t == nil {
		t = &tries{}
		b.tries[step] = t
	}
	if failed == nil {
		t.repaired(now)
		return
	}
	t.failed(now)
	r := b.reports[step]
	r.Kind, r.Error, r.Operation, r.Attempts, r.NextAttempt = DriftFailed, failed, operation, t.failures+t.repairs, &t.next
	b.reports[step] = r
}

// nextTry is when the earliest waiting repair is due.
func (b *driftBook) nextTry() (at time.Time, waiting bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.reports {
		if r.Kind == DriftFailed && (!waiting || r.NextAttempt.Before(at)) {
			at, waiting = *r.NextAttempt, true
		}
	}
	return at, waiting
}

// steps returns the steps whose report is like that.
func (b *driftBook) steps(like func(DriftReport) bool) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	steps := map[string]bool{}
	for id, r := range b.reports {
		if like(r) {
			steps[id] = true
		}
	}
	return steps
}
