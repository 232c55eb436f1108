package engine

import (
	"context"
	"maps"
	"time"
)

// Reconcile looks after the steps that an apply has done: at once, on the
// timer, and soon after each trigger that names a kind which steps watch. What
// has drifted is put right by an operation; what only the operator may decide
// is reported. It returns nil when ctx has ended.
func (e *Engine) Reconcile(ctx context.Context, triggers <-chan string) error {
	w := &watch{e: e, triggers: triggers, want: agenda{kinds: map[string]bool{WatchAll: true}}, due: true}
	return w.run(ctx)
}

// agenda is what a look is about: steps that watch one of the kinds, and steps.
type agenda struct {
	kinds map[string]bool
	steps map[string]bool
}

func (a agenda) empty() bool { return len(a.kinds) == 0 && len(a.steps) == 0 }

// watch collects what to look at while a look is under way.
type watch struct {
	e        *Engine
	triggers <-chan string
	want     agenda
	due      bool             // want has been collected long enough
	debounce <-chan time.Time // until it is
	looking  chan lookReport  // nil when no look is under way
	looked   time.Time        // when the last look ended
	deferred map[string]bool  // steps whose area an operation holds
	freed    <-chan struct{}  // closed when an operation has ended since the last look began
}

// lookReport is what a look leaves to do.
type lookReport struct {
	deferred map[string]bool
	freed    <-chan struct{}
}

func (w *watch) run(ctx context.Context) error {
	timer := time.NewTicker(w.e.o.ReconcileEvery)
	defer timer.Stop()
	w.freed = w.e.whenEnded()
	for {
		w.begin(ctx)
		retry, stop := w.retry()
		select {
		case <-ctx.Done():
			stop()
			if w.looking != nil {
				<-w.looking
			}
			return nil
		case kind, open := <-w.triggers:
			w.triggered(kind, open)
		case <-w.debounce:
			w.debounce, w.due = nil, true
		case <-w.freed:
			w.operationEnded()
		case <-retry:
			w.soon(w.e.drift.steps(func(r DriftReport) bool { return r.Kind == DriftFailed }))
		case <-timer.C:
			w.onTimer(ctx)
		case r := <-w.looking:
			w.looking, w.looked, w.deferred, w.freed = nil, time.Now(), r.deferred, r.freed
		}
		stop()
	}
}

// begin starts a look when one is due and none is under way.
func (w *watch) begin(ctx context.Context) {
	if !w.due || w.looking != nil || w.want.empty() {
		return
	}
	about := w.want
	w.want, w.due = agenda{}, false
	looking := make(chan lookReport, 1)
	w.looking = looking
	go func() { looking <- w.e.repairDrift(ctx, about) }()
}

func (w *watch) triggered(kind string, open bool) {
	if !open {
		w.triggers = nil
		return
	}
	w.add(agenda{kinds: map[string]bool{kind: true}})
	if w.debounce == nil {
		w.debounce = time.After(w.e.o.Debounce)
	}
}

// operationEnded looks again at what had to wait and at what was reported: an
// apply may have put it right.
func (w *watch) operationEnded() {
	again := w.e.drift.steps(func(DriftReport) bool { return true })
	maps.Copy(again, w.deferred)
	w.deferred = nil
	w.freed = w.e.whenEnded()
	w.soon(again)
}

// soon looks at the steps as soon as no other look is under way.
func (w *watch) soon(steps map[string]bool) {
	w.add(agenda{steps: steps})
	w.due = w.due || len(steps) > 0
}

// onTimer looks at everything, and takes up operations that stood still
// because the journal could not be written.
func (w *watch) onTimer(ctx context.Context) {
	if err := w.e.Resume(ctx); err != nil {
		w.e.log.Error("cannot take up an operation that stood still", "error", err)
	}
	w.e.prune()
	w.e.pruneLoose()
	w.add(agenda{kinds: map[string]bool{WatchAll: true}})
	w.due = true
}

func (w *watch) add(a agenda) {
	if w.want.kinds == nil {
		w.want.kinds = map[string]bool{}
	}
	if w.want.steps == nil {
		w.want.steps = map[string]bool{}
	}
	maps.Copy(w.want.kinds, a.kinds)
	maps.Copy(w.want.steps, a.steps)
}

// breath is the least time between a look and a retry, so that a repair that
// cannot even begin makes no hot loop.
const breath = time.Second

// retry fires when a failed repair is due again. No look is started for it
// while one is under way.
func (w *watch) retry() (<-chan time.Time, func() bool) {
	at, waiting := w.e.drift.nextTry()
	if !waiting || w.looking != nil {
		return nil, func() bool { return false }
	}
	if soonest := w.looked.Add(breath); at.Before(soonest) {
		at = soonest
	}
	t := time.NewTimer(time.Until(at))
	return t.C, t.Stop
}
