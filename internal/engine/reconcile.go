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
	deferred map[string]bool  // steps whose area an operation holds
	freed    <-chan struct{}  // when that may be over
}

// lookReport is what a look leaves to do.
type lookReport struct {
	deferred map[string]bool
	freed    <-chan struct{}
}

func (w *watch) run(ctx context.Context) error {
	timer := time.NewTicker(w.e.o.ReconcileEvery)
	defer timer.Stop()
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
			w.add(agenda{steps: w.deferred})
			w.freed, w.deferred, w.due = nil, nil, true
		case <-retry:
			w.due = true
			w.add(agenda{steps: w.e.drift.waiting()})
		case <-timer.C:
			w.onTimer(ctx)
		case r := <-w.looking:
			w.looking, w.deferred, w.freed = nil, r.deferred, r.freed
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

// onTimer looks at everything, and takes up operations that stood still
// because the journal could not be written.
func (w *watch) onTimer(ctx context.Context) {
	if err := w.e.Resume(ctx); err != nil {
		w.e.log.Error("cannot take up an operation that stood still", "error", err)
	}
	w.e.prune()
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

// retry fires when a failed repair is due again. No look is started for it
// while one is under way.
func (w *watch) retry() (<-chan time.Time, func() bool) {
	at, any := w.e.drift.nextTry()
	if !any || w.looking != nil {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(time.Until(at))
	return t.C, t.Stop
}
