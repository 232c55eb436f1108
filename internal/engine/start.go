package engine

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/problem"
)

// Start begins an operation and returns it as it is in the journal; it goes on
// after ctx has ended. An area that another operation holds is an
// OperationRunning problem, a selection without anything to undo NotUndoable.
func (e *Engine) Start(ctx context.Context, req Request) (*Operation, error) {
	if e.isClosing() {
		return nil, errClosing()
	}
	g, err := e.graph(ctx)
	if err != nil {
		return nil, err
	}
	return e.start(g, req)
}

func (e *Engine) start(g *Graph, req Request) (*Operation, error) {
	selected, err := g.Select(req.Selection)
	if err != nil {
		return nil, err
	}
	switch req.Kind {
	case KindApply:
	case KindUndo:
		if err := e.undoable(g, selected); err != nil {
			return nil, err
		}
	default:
		return nil, problem.New(problem.InvalidRequest, "ask for apply or undo", "there is no kind of operation %q", req.Kind)
	}
	op := &Operation{
		Kind: req.Kind, State: OpRunning, Caller: req.Caller, Selection: req.Selection, Consent: req.Consent,
		Revision: g.Revision, Areas: areasOf(selected), Steps: freshSteps(selected),
	}
	return e.launch(g, op, nil)
}

// launch claims the areas, writes the operation and runs it. Claim and write
// are one critical section, so of two rivals one is told of the other. Areas
// that are not at the turn they had, when turns are given, count as taken.
func (e *Engine) launch(g *Graph, op *Operation, turns map[string]uint64) (*Operation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return nil, errClosing()
	}
	if err := e.taken(op.ID, op.Areas); err != nil {
		return nil, err
	}
	for _, a := range op.Areas {
		if turns != nil && turns[a] != e.turns[a] {
			return nil, problem.New(problem.OperationRunning, "look again", "an operation has changed %s meanwhile", a)
		}
	}
	if err := e.journal.write("operation-start", func(c *change) error { return c.newOperation(op) }); err != nil {
		return nil, problem.Wrap(problem.StateUnusable, err, "look at the disk that holds the state file", "cannot start the operation")
	}
	e.log.Info("operation started", "operation", op.ID, "kind", op.Kind, "caller", op.Caller.Name, "from", op.Caller.From, "steps", len(op.Steps))
	answer := op.clone()
	e.begin(newRunner(e, g, op))
	return answer, nil
}

// begin runs r in the background. The caller holds e.mu.
func (e *Engine) begin(r *runner) {
	e.hold(r)
	e.work.Go(func() {
		r.run()
		e.gone(r)
		e.prune()
	})
}

// gone forgets the runner. An operation that stands still keeps its areas:
// Resume will go on with it.
func (e *Engine) gone(r *runner) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, r.op.ID)
}

func (c *change) newOperation(op *Operation) error {
	n, err := operations.Next(c.tx)
	if err != nil {
		return err
	}
	op.ID, op.Created = fmt.Sprintf("op-%08d", n), c.now
	seq, err := c.event(Event{Type: EventOperation, Operation: op.ID, State: string(OpRunning), Message: op.what() + " asked for by " + op.Caller.Name})
	if err != nil {
		return err
	}
	return c.putOperation(header{Operation: *op, FirstEvent: seq})
}

// what is the operation in a word or two.
func (o *Operation) what() string {
	if o.Action != nil {
		return o.Action.Verb + " " + o.Action.Subject
	}
	return string(o.Kind)
}

// putOperation writes the header and every step.
func (c *change) putOperation(h header) error {
	steps := h.Steps
	h.Steps = nil
	if err := operations.Put(c.tx, []byte(h.ID), h); err != nil {
		return err
	}
	for n, s := range steps {
		if err := c.step(h.ID, n, s); err != nil {
			return err
		}
	}
	return nil
}

func freshSteps(selected []*Step) []OperationStep {
	steps := make([]OperationStep, len(selected))
	for i, s := range selected {
		steps[i] = OperationStep{ID: s.ID, Phase: s.Phase, Title: s.Title, State: StepPending}
	}
	return steps
}

func errClosing() error {
	return problem.New(problem.Unavailable, "try again when it has started", "waddled is stopping and takes no new operation")
}
