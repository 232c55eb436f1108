package engine

import (
	"context"
	"slices"
)

// update writes one step's new state, what fn adds to the transaction, and the
// events that tell of it. It reports false when the operation must stop.
func (r *runner) update(op string, i int, change func(s *OperationStep), fn func(c *change) error) bool {
	r.mu.Lock()
	next := slices.Clone(r.op.Steps)
	r.mu.Unlock()
	change(&next[i])
	return r.put(op, next, []int{i}, fn)
}

// put writes the steps at indexes. Only after that they count in memory.
func (r *runner) put(op string, steps []OperationStep, indexes []int, fn func(c *change) error) bool {
	if r.stopped() != nil {
		return false
	}
	err := r.e.journal.write(op, func(c *change) error {
		for _, i := range indexes {
			s := &steps[i]
			stamp(s, c)
			if err := c.step(r.op.ID, i, *s); err != nil {
				return err
			}
		}
		for _, i := range indexes {
			if err := c.events(r.stepEvent(steps[i])); err != nil {
				return err
			}
		}
		if fn != nil {
			return fn(c)
		}
		return nil
	})
	if err != nil {
		r.halt(err)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range indexes {
		r.op.Steps[i] = steps[i]
	}
	return true
}

// stamp sets Started and Ended as the state asks.
func stamp(s *OperationStep, c *change) {
	if s.Started == nil && s.State != StepSkipped {
		s.Started = &c.now
	}
	if s.State != StepRunning && s.State != StepPending {
		s.Ended = &c.now
	}
}

func (r *runner) stepEvent(s OperationStep) Event {
	ev := Event{Type: EventStep, Operation: r.op.ID, Step: s.ID, State: string(s.State), Message: s.Message}
	switch s.State {
	case StepRunning:
		ev.Details = s.Differences
	case StepGate:
		ev.Type = EventGate
	case StepFailed:
		ev.Details = s.Differences
		ev.Message = s.Error.Detail
	}
	return ev
}

// halt stops the operation without an end: the journal could not be written,
// so the next Resume goes on from what it holds.
func (r *runner) halt(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted == nil {
		r.halted = err
		r.e.log.Error("operation stands still: its journal cannot be written", "operation", r.op.ID, "error", err)
	}
}

// stopped is the reason why nothing may be written or applied any more.
func (r *runner) stopped() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.halted != nil {
		return r.halted
	}
	return context.Cause(r.ctx())
}

func (r *runner) now(i int) OperationStep {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.op.Steps[i]
}

func (r *runner) isCancelled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cancelled
}

// fail writes that the step failed. A step whose context ended has not failed:
// the next daemon takes it up.
func (r *runner) fail(i int, err error, differences []Difference) {
	if r.stopped() == nil {
		r.e.log.Warn("step failed", "operation", r.op.ID, "step", r.now(i).ID, "error", err)
	}
	r.update("step-failed", i, func(s *OperationStep) {
		s.State = StepFailed
		s.Error = failure(s.ID, err)
		if len(differences) > 0 {
			s.Differences = differences
		}
	}, nil)
}
