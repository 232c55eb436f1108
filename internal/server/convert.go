package server

import (
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/token"
)

// This file turns the engine's types into the contract's. Lists that the
// contract requires are never null.

func each[F, T any](list []F, turn func(F) T) []T {
	out := make([]T, 0, len(list))
	for _, one := range list {
		out = append(out, turn(one))
	}
	return out
}

// some is each for a list that the contract leaves out when it is empty.
func some[F, T any](list []F, turn func(F) T) []T {
	if len(list) == 0 {
		return nil
	}
	return each(list, turn)
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func differenceOf(d engine.Difference) api.Difference {
	return api.Difference{Kind: api.DifferenceKind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note}
}

func failureOf(f *engine.Failure) *api.Failure {
	if f == nil {
		return nil
	}
	return &api.Failure{Code: f.Code, Detail: f.Detail, Hint: f.Hint, Step: f.Step}
}

func planOf(p *engine.Plan) api.Plan {
	return api.Plan{Revision: p.Revision, Taken: p.Taken, Changes: p.Changes(), Steps: each(p.Steps, planStepOf)}
}

func planStepOf(s engine.PlanStep) api.PlanStep {
	return api.PlanStep{
		ID: s.ID, Phase: s.Phase, Title: s.Title, Plan: s.Plan, Area: s.Area, Needs: s.Needs,
		Undoable: s.Undoable, Gate: s.Gate, Instruction: s.Instruction, Error: failureOf(s.Error),
		Result: api.Result{
			State: api.CheckState(s.Result.State), Differences: some(s.Result.Differences, differenceOf),
			WaitsFor: s.Result.WaitsFor, Reason: s.Result.Reason, Notes: s.Result.Notes,
			Evidence: some(s.Result.Evidence, evidenceOf),
		},
	}
}

func evidenceOf(e engine.Evidence) api.Evidence {
	return api.Evidence{What: e.What, From: e.From, At: e.At, Answer: e.Answer, Verdict: api.EvidenceVerdict(e.Verdict)}
}

func operationOf(o *engine.Operation) api.Operation {
	return api.Operation{
		ID: o.ID, Kind: api.OperationKind(o.Kind), Action: actionOf(o.Action), State: api.OperationState(o.State),
		Caller: callerOf(o.Caller), Selection: selectionOf(o.Selection), Consent: api.Consent{Adopt: o.Consent.Adopt},
		Revision: o.Revision, Areas: append([]string{}, o.Areas...), Steps: each(o.Steps, operationStepOf),
		Error: failureOf(o.Error), Created: o.Created, Ended: timeOf(o.Ended), Resumed: o.Resumed, Cancel: o.Cancel,
	}
}

func actionOf(a *engine.Action) *api.Action {
	if a == nil {
		return nil
	}
	return &api.Action{Verb: a.Verb, Subject: a.Subject}
}

func callerOf(c engine.Caller) api.Caller { return api.Caller{Name: c.Name, From: c.From} }

func selectionOf(s engine.Selection) api.Selection {
	return api.Selection{Phases: s.Phases, Steps: s.Steps}
}

func operationStepOf(s engine.OperationStep) api.OperationStep {
	return api.OperationStep{
		ID: s.ID, Phase: s.Phase, Title: s.Title, State: api.StepState(s.State),
		Differences: some(s.Differences, differenceOf), Message: s.Message, WaitsFor: s.WaitsFor,
		Error: failureOf(s.Error), Started: timeOf(s.Started), Ended: timeOf(s.Ended),
	}
}

func summaryOf(o engine.Operation) api.OperationSummary {
	counts := map[string]int{}
	for _, s := range o.Steps {
		counts[string(s.State)]++
	}
	return api.OperationSummary{
		ID: o.ID, Kind: api.OperationKind(o.Kind), Action: actionOf(o.Action), State: api.OperationState(o.State), Caller: callerOf(o.Caller),
		Selection: selectionOf(o.Selection), Created: o.Created, Ended: timeOf(o.Ended), Error: failureOf(o.Error), StepCounts: counts,
	}
}

func eventOf(e engine.Event) api.Event {
	ev := api.Event{
		Seq: e.Seq, Time: e.Time, Type: e.Type, Operation: e.Operation, Step: e.Step, State: e.State,
		Message: e.Message, Details: some(e.Details, differenceOf),
	}
	if e.Progress != nil {
		ev.Progress = &api.Progress{Done: e.Progress.Done, Total: e.Progress.Total, Unit: e.Progress.Unit}
	}
	return ev
}

func driftOf(d engine.DriftReport) api.Drift {
	return api.Drift{
		Step: d.Step, Phase: d.Phase, Title: d.Title, Kind: api.DriftKind(d.Kind),
		Differences: some(d.Differences, differenceOf), Reason: d.Reason, Since: d.Since, Seen: d.Seen,
		Attempts: d.Attempts, NextAttempt: timeOf(d.NextAttempt), Operation: d.Operation, Error: failureOf(d.Error),
	}
}

func tokenOf(t token.Token) api.Token {
	return api.Token{
		ID: t.ID, Name: t.Name, Scopes: each(t.Scopes, func(s token.Scope) api.Scope { return api.Scope(s) }),
		Created: t.Created, CreatedBy: t.CreatedBy, Expires: t.Expires, LastUsed: t.LastUsed,
	}
}
