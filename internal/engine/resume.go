package engine

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
)

// Resume takes up the operations that a dead daemon left running, oldest
// first: it goes on with them, or marks them interrupted where a person has to
// look. The error is about the journal only.
func (e *Engine) Resume(ctx context.Context) error {
	left, err := e.unended()
	if err != nil {
		return fmt.Errorf("cannot resume operations: %w", err)
	}
	var faults []error
	for _, op := range left {
		if err := e.resume(ctx, op); err != nil {
			faults = append(faults, fmt.Errorf("cannot resume operation %s: %w", op.ID, err))
		}
	}
	return errors.Join(faults...)
}

// unended returns the operations that the journal calls running and that
// nobody runs.
func (e *Engine) unended() (left []*Operation, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		return operations.Each(tx, nil, func(_ []byte, h header) (bool, error) {
			if h.Final() || e.running[h.ID] != nil {
				return true, nil
			}
			op, err := withSteps(tx, h)
			if err == nil {
				left = append(left, op)
			}
			return true, err
		})
	})
	return left, err
}

func (e *Engine) resume(ctx context.Context, op *Operation) error {
	g, err := e.graphOf(ctx, op)
	if err != nil {
		return e.interrupt(op, "", problem.Wrap(problem.Interrupted, err, "put the platform right, then ask for the operation again",
			"operation %s was interrupted and cannot go on: the steps cannot be built", op.ID))
	}
	if s := askFirst(g, op); s != nil {
		return e.interrupt(op, s.ID, problem.New(problem.Interrupted, "look at what the step has left, then run waddle apply again",
			"operation %s was interrupted inside step %s (%s), which is not repeated unseen", op.ID, s.ID, s.Title))
	}
	if op.Revision != g.Revision && op.Kind == KindReconcile {
		return e.interrupt(op, "", problem.New(problem.Interrupted, "see waddle plan; the reconciler looks again by itself",
			"operation %s was repairing drift from revision %s, and the platform has changed to %s since", op.ID, op.Revision, g.Revision))
	}
	err = e.takeUp(g, op)
	if problem.Is(err, problem.OperationRunning) {
		return e.interrupt(op, "", problem.Wrap(problem.Interrupted, err, "ask for it again when the other one has ended",
			"operation %s was interrupted, and under the platform as it is now it would change what another one is changing", op.ID))
	}
	return err
}

// askFirst returns the step whose interrupted Apply asks for a person.
func askFirst(g *Graph, op *Operation) *Step {
	if op.Kind == KindUndo {
		return nil // an undo can be called again, whatever the step's Apply asks for
	}
	for _, o := range op.Steps {
		if s, ok := g.Step(o.ID); ok && o.State == StepRunning && s.OnInterrupt == AskOperator {
			return s
		}
	}
	return nil
}

// takeUp writes that the operation goes on, with the steps as they are now.
func (e *Engine) takeUp(g *Graph, op *Operation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		return errClosing()
	}
	if e.running[op.ID] != nil {
		return nil
	}
	told := Event{Type: EventOperation, Operation: op.ID, State: string(OpRunning), Message: "taken up again after a restart"}
	if op.Revision != g.Revision {
		told.Message += fmt.Sprintf("; the platform changed from revision %s to %s meanwhile", op.Revision, g.Revision)
		op.rebase(g)
	}
	if err := e.taken(op.ID, op.Areas); err != nil {
		return err
	}
	op.Resumed++
	err := e.journal.write("operation-resume", func(c *change) error {
		h, found, err := operations.Get(c.tx, []byte(op.ID))
		if err != nil || !found {
			return errors.Join(err, noOperation(op.ID))
		}
		op.Cancel = op.Cancel || h.Cancel
		if err := c.putOperation(header{Operation: *op, FirstEvent: h.FirstEvent}); err != nil {
			return err
		}
		return c.events(told)
	})
	if err != nil {
		return err
	}
	e.log.Info("operation taken up again", "operation", op.ID, "resumed", op.Resumed)
	e.begin(newRunner(e, g, op))
	return nil
}

// interrupt ends the operation for a person to look at.
func (e *Engine) interrupt(op *Operation, step string, why error) error {
	for i := range op.Steps {
		s := &op.Steps[i]
		switch s.State {
		case StepRunning:
			s.State, s.Error = StepFailed, failure(s.ID, why)
		case StepPending:
			s.State, s.Message = StepSkipped, "the operation was interrupted before it"
		}
	}
	failed := failure(step, why)
	e.log.Warn("operation interrupted", "operation", op.ID, "step", step, "why", why)
	return e.journal.write("operation-interrupt", func(c *change) error {
		h, found, err := operations.Get(c.tx, []byte(op.ID))
		if err != nil || !found {
			return errors.Join(err, noOperation(op.ID))
		}
		last, err := c.event(Event{Type: EventOperation, Operation: op.ID, Step: step, State: string(OpInterrupted), Message: failed.Detail})
		if err != nil {
			return err
		}
		op.State, op.Error, op.Ended = OpInterrupted, failed, &c.now
		return c.putOperation(header{Operation: *op, FirstEvent: h.FirstEvent, LastEvent: last})
	})
}
