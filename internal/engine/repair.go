package engine

import (
	"context"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// caretaker is who asks for the reconciler's operations.
var caretaker = Caller{Name: "reconciler", From: "waddled"}

// repairDrift looks once and puts right what may be put right.
func (e *Engine) repairDrift(ctx context.Context, about agenda) (left lookReport) {
	left.freed = e.whenEnded()
	g, err := e.graph(ctx)
	if err != nil {
		e.log.Warn("the reconciler cannot look: the steps cannot be built", "error", err)
		return left
	}
	recorded, err := e.journal.readRecords()
	if err != nil {
		e.log.Error("the reconciler cannot look", "error", err)
		return left
	}
	e.drift.forget(func(step string) bool { _, known := g.Step(step); return known && recorded[step].Applied != nil })
	l := &driftLook{e: e, graph: g, recorded: recorded, turns: map[string]uint64{}, deferred: map[string]bool{}}
	l.choose(about)
	if len(l.steps) > 0 {
		l.looks = e.look(ctx, g, l.steps)
		if ctx.Err() == nil && l.judge() {
			l.repair(ctx)
		}
	}
	left.deferred = l.deferred
	return left
}

// driftLook is one look of the reconciler.
type driftLook struct {
	e        *Engine
	graph    *Graph
	recorded map[string]record
	steps    []*Step
	turns    map[string]uint64 // of the areas, when the look began
	deferred map[string]bool
	looks    *looks
	mend     []string // steps to put right
}

// choose takes the applied steps that the look is about, and those with a
// report. A step whose area, or whose needs' area, an operation is changing
// has to wait: what is seen of it now means nothing.
func (l *driftLook) choose(about agenda) {
	busy := map[string]bool{}
	for i := range l.graph.Steps {
		s := &l.graph.Steps[i]
		turn, free := l.e.turnsOf(s.Area)
		l.turns[s.Area] = turn
		busy[s.ID] = !free || slices.ContainsFunc(s.Needs, func(n string) bool { return busy[n] })
		if l.recorded[s.ID].Applied == nil || !(about.covers(s) || l.e.drift.has(s.ID)) {
			continue
		}
		if busy[s.ID] {
			l.deferred[s.ID] = true
			continue
		}
		l.steps = append(l.steps, s)
	}
}

func (a agenda) covers(s *Step) bool {
	return a.kinds[WatchAll] || a.steps[s.ID] || slices.ContainsFunc(s.Watches, func(k string) bool { return a.kinds[k] })
}

// judge decides about each step and writes what is new. It reports whether
// there is something to put right.
func (l *driftLook) judge() bool {
	now := time.Now().UTC()
	var news []Event
	var confirmed []string
	for _, s := range l.steps {
		if turn, free := l.e.turnsOf(s.Area); !free || turn != l.turns[s.Area] {
			l.deferred[s.ID] = true
			continue
		}
		result := l.looks.results[s.ID]
		if result.State == Done {
			if l.e.drift.right(s.ID) {
				news = append(news, Event{Type: EventRepaired, Step: s.ID})
			}
			if l.recorded[s.ID].Applied.Revision != l.graph.Revision {
				confirmed = append(confirmed, s.ID)
			}
			continue
		}
		report := l.report(s, result, now)
		if report.Kind == DriftRepairing {
			l.mend = append(l.mend, s.ID)
		}
		if l.e.drift.found(report, now) {
			l.e.log.Warn("drift", "step", s.ID, "kind", report.Kind, "differences", told(report.Differences), "reason", report.Reason)
			news = append(news, Event{Type: EventDrift, Step: s.ID, State: string(report.Kind), Message: report.Reason, Details: report.Differences})
		}
	}
	return l.write(news, confirmed) && len(l.mend) > 0
}

// report says what is to be done about a step that is not done.
func (l *driftLook) report(s *Step, result Result, now time.Time) DriftReport {
	r := DriftReport{Step: s.ID, Phase: s.Phase, Title: s.Title, Differences: result.Differences, Reason: result.Reason}
	if err := l.looks.errs[s.ID]; err != nil {
		r.Error = failure(s.ID, err)
	}
	mendable := !slices.ContainsFunc(result.WaitsFor, func(n string) bool { return !slices.Contains(l.mend, n) })
	switch {
	case s.Gate != nil:
		r.Kind = DriftGate
	case result.State == Unknown && (len(result.WaitsFor) == 0 || !mendable):
		r.Kind = DriftUnknown
	case l.recorded[s.ID].Applied.Revision != l.graph.Revision:
		r.Kind = DriftPending
	case permitted(s, result.Differences, Consent{}) != nil:
		r.Kind = DriftBlocked
	case !l.e.drift.mayTry(s.ID, now):
		r.Kind = DriftFailed
	default:
		r.Kind = DriftRepairing
	}
	return r
}

// write keeps the news, and that steps were seen done under the platform as it
// is now: from here on a difference is drift, not a pending change.
func (l *driftLook) write(news []Event, confirmed []string) bool {
	if len(news) == 0 && len(confirmed) == 0 {
		return true
	}
	err := l.e.journal.write("drift", func(c *change) error {
		for _, id := range confirmed {
			err := c.record(id, func(r *record) {
				if r.Applied != nil {
					r.Applied.Revision = l.graph.Revision
				}
			})
			if err != nil {
				return err
			}
		}
		return c.events(news...)
	})
	if err != nil {
		l.e.log.Error("the reconciler repairs nothing: it cannot write what it found", "error", err)
	}
	return err == nil
}

// repair runs one operation over the steps to mend and notes how it went.
func (l *driftLook) repair(ctx context.Context) {
	op, err := l.start()
	if err != nil {
		if !problem.Is(err, problem.OperationRunning) && !problem.Is(err, problem.Unavailable) {
			l.e.log.Error("the reconciler cannot start a repair", "error", err)
		}
		for _, id := range l.mend {
			l.deferred[id] = true
		}
		return
	}
	op, err = l.e.Wait(ctx, op.ID)
	if err != nil {
		return
	}
	now := time.Now().UTC()
	var news []Event
	for _, s := range op.Steps {
		switch s.State {
		case StepChanged, StepUnchanged:
			l.e.drift.tried(s.ID, op.ID, nil, now)
			if l.e.drift.right(s.ID) {
				news = append(news, Event{Type: EventRepaired, Step: s.ID, Message: "by operation " + op.ID})
			}
		case StepFailed:
			l.e.drift.tried(s.ID, op.ID, s.Error, now)
		}
	}
	l.write(news, nil)
}

// start begins the operation unless somebody has had an area since the look:
// then what was seen no longer counts.
func (l *driftLook) start() (*Operation, error) {
	selection := Selection{Steps: l.mend}
	selected, err := l.graph.Select(selection)
	if err != nil {
		return nil, err
	}
	op := &Operation{
		Kind: KindReconcile, State: OpRunning, Caller: caretaker, Selection: selection,
		Revision: l.graph.Revision, Areas: areasOf(selected), Steps: freshSteps(selected),
	}
	return l.e.launch(l.graph, op, l.turns)
}
