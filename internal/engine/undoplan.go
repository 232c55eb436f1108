package engine

import (
	"context"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// UndoPlan says what an undo of the selection would put back now, in the order
// of the undo. It changes nothing. A step without Undo answers Unknown and says
// that what it did stays.
func (e *Engine) UndoPlan(ctx context.Context, sel Selection) (*Plan, error) {
	g, err := e.graph(ctx)
	if err != nil {
		return nil, err
	}
	selected, err := g.Select(sel)
	if err != nil {
		return nil, err
	}
	recorded, err := e.journal.readRecords()
	if err != nil {
		return nil, err
	}
	p := &Plan{Revision: g.Revision, Taken: time.Now().UTC()}
	for _, s := range slices.Backward(selected) {
		r, err := e.undone(ctx, s, recorded[s.ID])
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.Steps = append(p.Steps, s.planned(r, err))
	}
	return p, nil
}

// undone is the answer of one step: Done when there is nothing to put back.
func (e *Engine) undone(ctx context.Context, s *Step, r record) (Result, error) {
	switch {
	case s.Gate != nil:
		return IsDone("a gate: it has changed nothing"), nil
	case s.Undo == nil && r.Applied == nil:
		return IsDone("it was not applied"), nil
	case s.Undo == nil:
		return Unknowable("this step cannot be undone: what it did stays"), nil
	case r.Captured == nil:
		return IsDone("nothing to put back: it has changed nothing yet"), nil
	}
	found, err := e.show(ctx, s, r.Before)
	if err != nil {
		return Unknowable("the look at what is there failed: " + err.Error()), err
	}
	return Found(found...), nil
}

// undoable refuses an undo without anything to put back, and one that would
// take away what a step outside the selection stands on.
func (e *Engine) undoable(g *Graph, selected []*Step) error {
	recorded, err := e.journal.readRecords()
	if err != nil {
		return err
	}
	in := map[string]bool{}
	recordedAny := false
	for _, s := range selected {
		in[s.ID] = true
		recordedAny = recordedAny || (s.Undo != nil && recorded[s.ID].Captured != nil)
	}
	if !recordedAny {
		return problem.New(problem.NotUndoable, "look at waddle plan", "there is nothing to undo in the selection: no step has recorded what was there before it")
	}
	var above []string
	taken := map[string]bool{} // by the undo, directly or through steps that need it
	for i := range g.Steps {
		s := &g.Steps[i]
		rests := slices.ContainsFunc(s.Needs, func(n string) bool { return taken[n] || (in[n] && recorded[n].Captured != nil) })
		taken[s.ID] = rests
		if rests && !in[s.ID] && recorded[s.ID].Captured != nil {
			above = append(above, s.ID)
		}
	}
	if len(above) == 0 {
		return nil
	}
	p := problem.New(problem.NotUndoable, "undo those first, or together with it", "cannot undo the selection: %s still applied on top of it", isAre(above))
	p.Others = above
	return p
}
