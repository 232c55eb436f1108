package engine

import (
	"context"
	"time"
)

// Plan says what an apply of the selection would do now. It changes nothing. A
// step whose needs are not done yet answers Unknown and names them.
func (e *Engine) Plan(ctx context.Context, sel Selection) (*Plan, error) {
	g, err := e.graph(ctx)
	if err != nil {
		return nil, err
	}
	selected, err := g.Select(sel)
	if err != nil {
		return nil, err
	}
	l := e.look(ctx, g, selected)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &Plan{Revision: g.Revision, Taken: time.Now().UTC(), Steps: make([]PlanStep, len(selected))}
	for i, s := range selected {
		p.Steps[i] = s.planned(l.results[s.ID], l.errs[s.ID])
	}
	return p, nil
}

func (s *Step) planned(r Result, err error) PlanStep {
	p := PlanStep{
		ID: s.ID, Phase: s.Phase, Title: s.Title, Plan: s.Plan, Area: s.Area, Needs: s.Needs,
		Undoable: s.Undo != nil, Gate: s.Gate != nil, Result: r,
	}
	if s.Gate != nil {
		p.Instruction = s.Gate.Instruction
	}
	if err != nil {
		p.Error = failure(s.ID, err)
	}
	return p
}
