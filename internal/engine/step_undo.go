package engine

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/problem"
)

// undo puts back what was there before the step's first Apply. From its first
// write on, the step no longer counts as applied: the reconciler leaves it alone.
func (r *runner) undo(i int, s *Step) {
	rec, err := r.e.journal.readRecord(s.ID)
	switch {
	case err != nil:
		r.fail(i, err, nil)
		return
	case s.Undo == nil && s.Gate == nil && rec.Applied != nil:
		r.putBack(i, s, "this step cannot be undone: what it did stays")
		return
	case rec.Captured == nil || s.Undo == nil:
		r.putBack(i, s, "there was nothing to put back")
		return
	}
	found, err := r.e.show(r.ctx(), s, rec.Before)
	if err != nil {
		r.fail(i, fmt.Errorf("cannot look at what undoing step %s would change: %w", s.ID, err), nil)
		return
	}
	if len(found) == 0 {
		r.putBack(i, s, "")
		return
	}
	if err := permitted("undo", s, found, Consent{Adopt: true}); err != nil {
		r.fail(i, err, found)
		return
	}
	if r.isCancelled() && r.now(i).State == StepPending {
		return
	}
	r.restore(i, s, rec, found)
}

func (r *runner) restore(i int, s *Step, rec record, found []Difference) {
	if !r.beginUndo(i, s, found) {
		return
	}
	report := newReporter(r, i, s.ID)
	err := guard(r.e.log, s.ID, "the undo", func() error { return s.Undo.Apply(r.ctx(), rec.Before, report.run()) })
	report.close()
	if err != nil {
		r.fail(i, fmt.Errorf("cannot undo step %s: %w", s.ID, err), nil)
		return
	}
	left, err := r.e.show(r.ctx(), s, rec.Before)
	switch {
	case err != nil:
		r.fail(i, fmt.Errorf("cannot look at step %s after it was undone: %w", s.ID, err), nil)
	case len(left) > 0:
		r.fail(i, problem.New(problem.NotSettled, "see whether something else changes it, then undo again",
			"step %s was undone and is still not as it was: %s", s.ID, told(left)), left)
	default:
		r.putBack(i, s, "")
	}
}

func (r *runner) beginUndo(i int, s *Step, found []Difference) bool {
	return r.update("undo-running", i, func(o *OperationStep) {
		o.State = StepRunning
		if len(o.Differences) == 0 {
			o.Differences = found
		}
	}, func(c *change) error {
		return c.record(s.ID, func(rec *record) { rec.Applied = nil })
	})
}

// putBack writes that the step is as it was, and forgets the record, so that a
// later apply records anew.
func (r *runner) putBack(i int, s *Step, message string) {
	r.update("undo-done", i, func(o *OperationStep) {
		if o.State == StepRunning {
			o.State = StepChanged
		} else {
			o.State = StepUnchanged
		}
		o.Message = message
	}, func(c *change) error {
		return c.record(s.ID, func(rec *record) { *rec = record{} })
	})
}
