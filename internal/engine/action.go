package engine

import (
	"context"
	"encoding/json"

	"github.com/waddle-social/waddle/internal/problem"
)

// Action is something that is asked for once and is no part of the platform: a
// VM that is to be rebooted, an image that is to be fetched. It is in the
// journal, so that a restarted daemon can build its steps again.
type Action struct {
	Verb    string          `json:"verb"`    // e.g. "vm.reboot"
	Subject string          `json:"subject"` // what it is done to
	Args    json.RawMessage `json:"args,omitempty"`
}

// StartAction begins an operation for an action. Its steps are those that
// Options.Actions returns. Like Start it returns at once, and an area that another
// operation holds is an OperationRunning problem.
func (e *Engine) StartAction(ctx context.Context, by Caller, a Action) (*Operation, error) {
	if e.isClosing() {
		return nil, errClosing()
	}
	op := &Operation{Kind: KindAction, State: OpRunning, Caller: by, Action: &a}
	g, err := e.graphOf(ctx, op)
	if err != nil {
		return nil, err
	}
	selected, err := g.Select(Selection{})
	if err != nil {
		return nil, err
	}
	op.Revision, op.Areas, op.Steps = g.Revision, areasOf(selected), freshSteps(selected)
	return e.launch(g, op, nil)
}

// graphOf is the graph that an operation's steps are from.
func (e *Engine) graphOf(ctx context.Context, op *Operation) (*Graph, error) {
	if op.Kind != KindAction {
		return e.graph(ctx)
	}
	if e.o.Actions == nil || op.Action == nil {
		return nil, problem.New(problem.InvalidRequest, "ask for another one", "this daemon knows no actions")
	}
	return e.o.Actions(ctx, *op.Action)
}
