package engine

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// caretaker is who asks for the reconciler's operations.
var caretaker = Caller{Name: "reconciler", From: "waddled"}

// repairDrift looks once and puts right what may be put right.
func (e *Engine) repairDrift(ctx context.Context, about agenda) (left lookReport) {
	left.freed = e.whenEnded()
	// Before anything is read: whoever takes an area from here on is noticed.
	turns, held := e.turnsNow()
	g, err := e.graph(ctx)
	if err != nil {
		level := slog.LevelWarn
		if problem.Is(err, problem.NoPlatform) { // the first day: there is nothing to look after yet
			level = slog.LevelDebug
		}
		e.log.Log(ctx, level, "the reconciler cannot look: the steps cannot be built", "error", err)
		return left
	}
	recorded, err := e.journal.readRecords()
	if err != nil {
		e.log.Error("the reconciler cannot look", "error", err)
		return left
	}
	e.drift.forget(func(step string) bool { _, known := g.Step(step); return known && recorded[step].Applied != nil })
	l := &driftLook{e: e, graph: g, recorded: recorded, turns: turns, held: held, deferred: map[string]bool{}}
	l.choose(about)
	if len(l.steps) > 0 {
		l.looks = e.look(unattended(ctx), g, l.steps)
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
	held     map[string]string // the areas that operations held then
	deferred map[string]bool
	looks    *looks
	mend     []string // steps to put right
}

// choose takes the applied steps that the look is about, and those with a
// report. A step whose area, or whose needs' area, an operation is changing
// has to wait: what is seen of it now means nothing.
func (l *driftLook) choose(about agenda) {
	busy := l.touched(func(area string) bool { _, held := l.held[area]; return held })
	for i := range l.graph.Steps {
		s := &l.graph.Steps[i]
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

// touched returns the steps in whose areas, or in whose needs' areas, something
// is going on.
func (l *driftLook) touched(going func(area string) bool) map[string]bool {
	on := map[string]bool{}
	for _, s := range l.graph.Steps {
		on[s.ID] = going(s.Area) || slices.ContainsFunc(s.Needs, func(n string) bool { return on[n] })
	}
	return on
}

func (a agenda) covers(s *Step) bool {
	return a.kinds[WatchAll] || a.steps[s.ID] || slices.ContainsFunc(s.Watches, func(k string) bool { return a.kinds[k] })
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
