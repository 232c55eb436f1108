package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

func (h handlers) GetPlan(ctx context.Context, req api.GetPlanRequestObject) (api.GetPlanResponseObject, error) {
	sel := engine.Selection{Phases: req.Params.Phase, Steps: req.Params.Step}
	if req.Params.Through != nil {
		if len(sel.Phases) > 0 {
			return nil, problem.New(problem.InvalidRequest, "take one of the two", "cannot plan: through and phase exclude each other")
		}
		sel.Phases = h.through(*req.Params.Through)
	}
	p, err := h.o.Engine.Plan(ctx, sel)
	if err != nil {
		return nil, err
	}
	return api.GetPlan200JSONResponse(planOf(p)), nil
}

// through is the phases up to and with n; a number beyond the last phase stays
// in, so that the engine says that it does not know it.
func (s *Server) through(n int) []int {
	phases := []int{}
	for _, p := range s.o.Phases {
		if p.Number <= n {
			phases = append(phases, p.Number)
		}
	}
	if !slices.Contains(phases, n) {
		phases = append(phases, n)
	}
	return phases
}

func (h handlers) ListPhases(ctx context.Context, _ api.ListPhasesRequestObject) (api.ListPhasesResponseObject, error) {
	p, err := h.o.Engine.Plan(ctx, engine.Selection{})
	if err != nil {
		return nil, err
	}
	list := make([]api.PhaseSummary, 0, len(h.o.Phases))
	for _, ph := range h.o.Phases {
		list = append(list, phaseSummary(ph, stepsOf(p, ph.Number)))
	}
	return api.ListPhases200JSONResponse{Phases: list}, nil
}

func (h handlers) GetPhase(ctx context.Context, req api.GetPhaseRequestObject) (api.GetPhaseResponseObject, error) {
	ph, err := h.phase(req.Phase)
	if err != nil {
		return nil, err
	}
	p, err := h.o.Engine.Plan(ctx, engine.Selection{Phases: []int{ph.Number}})
	if err != nil {
		return nil, err
	}
	steps := stepsOf(p, ph.Number)
	return api.GetPhase200JSONResponse{
		Phase: ph.Number, Title: ph.Title, State: phaseSummary(ph, steps).State, Steps: each(steps, planStepOf),
	}, nil
}

func (s *Server) phase(number int) (Phase, error) {
	for _, p := range s.o.Phases {
		if p.Number == number {
			return p, nil
		}
	}
	return Phase{}, problem.New(problem.NotFound, "list them with: waddle phase ls", "there is no phase %d", number)
}

func stepsOf(p *engine.Plan, phase int) []engine.PlanStep {
	var steps []engine.PlanStep
	for _, s := range p.Steps {
		if s.Phase == phase {
			steps = append(steps, s)
		}
	}
	return steps
}

func phaseSummary(ph Phase, steps []engine.PlanStep) api.PhaseSummary {
	out := api.PhaseSummary{Phase: ph.Number, Title: ph.Title}
	n := &out.Steps
	for _, s := range steps {
		n.Total++
		switch {
		case s.Error != nil:
			n.Failed++
		case s.Result.Settled() && !s.Gate, s.Result.State == engine.Done:
			n.Done++
		case s.Gate:
			n.Gates++
		case s.Result.State == engine.Differs:
			n.Differ++
		default:
			n.Unknown++
		}
	}
	out.State = phaseState(n.Failed, n.Differ, n.Unknown, n.Gates)
	return out
}

func phaseState(failed, differ, unknown, gates int) api.PhaseState {
	switch {
	case failed > 0:
		return api.PhaseStateFailed
	case differ > 0:
		return api.PhaseStateDiffers
	case unknown > 0:
		return api.PhaseStateUnknown
	case gates > 0:
		return api.PhaseStateGate
	}
	return api.PhaseStateDone
}

func (h handlers) PostStepAcknowledge(ctx context.Context, req api.PostStepAcknowledgeRequestObject) (api.PostStepAcknowledgeResponseObject, error) {
	if err := h.stepOfPhase(ctx, req.Phase, req.Step); err != nil {
		return nil, err
	}
	note := ""
	if req.Body != nil {
		note = req.Body.Note
	}
	if err := h.o.Engine.Acknowledge(ctx, req.Step, exchangeOf(ctx).caller.Caller, note); err != nil {
		return nil, err
	}
	return api.PostStepAcknowledge204Response{}, nil
}

func (h handlers) DeleteStepAcknowledge(ctx context.Context, req api.DeleteStepAcknowledgeRequestObject) (api.DeleteStepAcknowledgeResponseObject, error) {
	if err := h.stepOfPhase(ctx, req.Phase, req.Step); err != nil {
		return nil, err
	}
	if err := h.o.Engine.Withdraw(ctx, req.Step, exchangeOf(ctx).caller.Caller); err != nil {
		return nil, err
	}
	return api.DeleteStepAcknowledge204Response{}, nil
}

func (h handlers) stepOfPhase(ctx context.Context, phase int, step string) error {
	if _, err := h.phase(phase); err != nil {
		return err
	}
	p, err := h.o.Engine.Plan(ctx, engine.Selection{Steps: []string{step}})
	if err != nil {
		return err
	}
	for _, s := range p.Steps {
		if s.ID == step && s.Phase != phase {
			return problem.New(problem.NotFound, fmt.Sprintf("it is a step of phase %d", s.Phase), "phase %d has no step %q", phase, step)
		}
	}
	return nil
}
