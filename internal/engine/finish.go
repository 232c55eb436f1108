package engine

import (
	"slices"

	"github.com/waddle-social/waddle/internal/problem"
)

// finish writes how the operation ended. One that stands still or was left
// unfinished by Close gets no end: Resume goes on with it.
func (r *runner) finish() {
	if r.stopped() != nil {
		return
	}
	r.mu.Lock()
	steps := slices.Clone(r.op.Steps)
	r.mu.Unlock()
	left := unfinished(steps)
	inside := slices.ContainsFunc(left, func(i int) bool { return steps[i].State == StepRunning })
	if len(left) > 0 && (!r.isCancelled() || (inside && r.e.isClosing())) {
		return
	}
	for _, i := range left {
		steps[i].Message = "the operation was cancelled before it"
		if steps[i].State == StepRunning { // under a new platform it would have to wait for a step that nobody runs
			steps[i].Message = "the operation was cancelled inside it: apply again to bring it to an end"
		}
		steps[i].State = StepSkipped
	}
	state, failed := r.verdict(steps)
	if len(left) > 0 {
		state = OpCancelled
	}
	r.end(state, failed, steps, left)
}

// unfinished returns the indexes of the steps that were not reached.
func unfinished(steps []OperationStep) (left []int) {
	for i, s := range steps {
		if s.State == StepPending || s.State == StepRunning {
			left = append(left, i)
		}
	}
	return left
}

func (r *runner) end(state OperationState, failed *Failure, steps []OperationStep, indexes []int) {
	finish := Event{Type: EventOperation, Operation: r.op.ID, State: string(state)}
	if failed != nil {
		finish.Step, finish.Message = failed.Step, failed.Detail
	}
	// Whoever sees the end may start the next operation at once, so the areas
	// are free before anybody else can ask for them.
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	ok := r.put("operation-end", steps, indexes, func(c *change) error {
		last, err := c.event(finish)
		if err != nil {
			return err
		}
		return c.header(r.op.ID, func(h *header) {
			h.State, h.Error, h.Ended, h.LastEvent = state, failed, &c.now, last
		})
	})
	if ok {
		r.e.release(r)
		r.e.log.Info("operation ended", "operation", r.op.ID, "kind", r.op.Kind, "state", state)
	}
}

// verdict is the end state that follows from the steps.
func (r *runner) verdict(steps []OperationStep) (OperationState, *Failure) {
	waiting := false
	var unmet *Failure
	for _, s := range steps {
		switch {
		case s.State == StepFailed:
			return OpFailed, s.Error
		case s.State != StepSkipped || len(s.WaitsFor) == 0:
		case r.behindGate(steps, s):
			waiting = waiting || !r.isGate(s.ID)
		case unmet == nil:
			unmet = failure(s.ID, problem.New(problem.NeedsNotDone, "apply what it needs first", "cannot apply step %s: %s", s.ID, s.Message))
		}
	}
	switch {
	case unmet != nil:
		return OpFailed, unmet
	case waiting:
		return OpWaiting, nil
	}
	return OpDone, nil
}

// behindGate reports whether only gates keep the step from being reached.
func (r *runner) behindGate(steps []OperationStep, s OperationStep) bool {
	for _, n := range s.WaitsFor {
		i, selected := r.at[n]
		switch {
		case r.isGate(n) && (!selected || steps[i].State == StepGate):
		case selected && steps[i].State == StepSkipped && len(steps[i].WaitsFor) > 0 && r.behindGate(steps, steps[i]):
		default:
			return false
		}
	}
	return true
}

func (r *runner) isGate(id string) bool {
	s, ok := r.graph.Step(id)
	return ok && s.Gate != nil
}
