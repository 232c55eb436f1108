package main

import (
	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/problem"
)

// outcome is the failure that stands for an operation's end, nil when all is done.
func outcome(o client.Operation) error {
	switch o.State {
	case client.OperationStateDone:
		return nil
	case client.OperationStateWaiting:
		return &failure{exit: exitGate, problem: problem.New(codeGate,
			"do what the gates ask for, confirm with waddle phase ack PHASE STEP, and run it again",
			"operation %s stopped at a gate", o.ID)}
	case client.OperationStateCancelled:
		return &failure{exit: exitFailed, problem: problem.New(codeFailed,
			"run it again to go on where it stopped", "operation %s was cancelled after the running step", o.ID)}
	case client.OperationStateInterrupted:
		return &failure{exit: exitFailed, problem: fallback(o.Error,
			"look at the step with waddle op show "+o.ID+", then run it again",
			"operation "+o.ID+" was interrupted inside a step that needs a person to look")}
	}
	f := &failure{exit: exitFailed, problem: fallback(o.Error, "waddle op show "+o.ID+" shows the steps, journalctl -u waddled the rest", "operation "+o.ID+" failed")}
	if exitOf(f.problem.Code) == exitRefused {
		f.exit = exitRefused // a conflict that only showed while the steps ran is a refusal all the same
	}
	return f
}

// fallback is what the journal says of a failure, or the given words.
func fallback(f *client.Failure, hint, detail string) *problem.Error {
	if f == nil || f.Detail == "" {
		return problem.New(codeFailed, hint, "%s", detail)
	}
	if f.Hint != "" {
		hint = f.Hint
	}
	p := problem.New(problem.Code(f.Code), hint, "%s", f.Detail)
	if f.Step != "" {
		p.Detail = "step " + f.Step + ": " + p.Detail
	}
	return p
}
