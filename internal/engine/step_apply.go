package engine

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
)

// step looks at one step and does what the operation is for.
func (r *runner) step(i int) {
	s, ok := r.graph.Step(r.now(i).ID)
	switch {
	case !ok:
		r.update("step-gone", i, func(s *OperationStep) {
			s.State, s.Message = StepSkipped, "the platform no longer has this step"
		}, nil)
	case r.op.Kind == KindUndo:
		r.undo(i, s)
	default:
		if missing := r.needs.missing(r.ctx(), s); len(missing) > 0 {
			r.update("step-skipped", i, func(o *OperationStep) { *o = skipped(*o, missing) }, nil)
			return
		}
		r.apply(i, s)
	}
}

func (r *runner) apply(i int, s *Step) {
	found, err := r.e.check(r.ctx(), s)
	if err != nil {
		r.fail(i, fmt.Errorf("cannot check step %s: %w", s.ID, err), nil)
		return
	}
	switch {
	case found.Settled() && s.Gate == nil, found.State == Done:
		r.done(i, s, found)
	case s.Gate != nil:
		r.update("step-gate", i, func(o *OperationStep) {
			o.State, o.Differences, o.Message = StepGate, found.Differences, s.Gate.Instruction
		}, nil)
	case found.State == Unknown:
		r.fail(i, problem.New(problem.NeedsNotDone, "remove what stands in the way, then apply again",
			"cannot look at step %s: %s", s.ID, found.why()), nil)
	default:
		r.change(i, s, found)
	}
}

func (f Result) why() string {
	if len(f.WaitsFor) > 0 {
		return strings.TrimPrefix(f.Reason+", it waits for "+list(f.WaitsFor), ", ")
	}
	if f.Reason == "" {
		return "it is not knowable"
	}
	return f.Reason
}

// change removes the differences: consent, the record for the undo, the
// journal, and only then the world.
func (r *runner) change(i int, s *Step, found Result) {
	if err := permitted("apply", s, found.Differences, r.op.Consent); err != nil {
		r.fail(i, err, found.Differences)
		return
	}
	if r.isCancelled() && r.now(i).State == StepPending {
		return // nothing has begun
	}
	before, err := r.toRecord(s)
	if err != nil {
		r.fail(i, err, found.Differences)
		return
	}
	if !r.begin(i, s, found.Differences, before) {
		return
	}
	report := newReporter(r, i, s.ID)
	err = guard(r.e.log, s.ID, "the apply", func() error { return s.Apply(r.ctx(), report.run()) })
	report.close()
	if err != nil {
		r.fail(i, fmt.Errorf("cannot apply step %s: %w", s.ID, err), nil)
		return
	}
	r.lookAgain(i, s)
}

// lookAgain lets Check decide whether Apply has done what it said.
func (r *runner) lookAgain(i int, s *Step) {
	found, err := r.e.check(r.ctx(), s)
	switch {
	case err != nil:
		r.fail(i, fmt.Errorf("cannot check step %s after it was applied: %w", s.ID, err), nil)
	case found.State == Unknown:
		r.fail(i, problem.New(problem.NotSettled, "look at it by hand, then apply again",
			"step %s was applied, but cannot be looked at: %s", s.ID, found.why()), nil)
	case !found.Settled():
		r.fail(i, problem.New(problem.NotSettled, "see whether something else changes it, then apply again",
			"step %s was applied and still differs: %s", s.ID, told(found.Differences)), found.Differences)
	default:
		r.done(i, s, found)
	}
}

// begin writes that the step is about to change the world.
func (r *runner) begin(i int, s *Step, differences []Difference, before json.RawMessage) bool {
	return r.update("step-running", i, func(o *OperationStep) {
		o.State = StepRunning
		if len(o.Differences) == 0 { // a resumed step keeps what differed at first
			o.Differences = differences
		}
	}, func(c *change) error {
		if before == nil {
			return nil
		}
		return c.record(s.ID, func(rec *record) {
			if rec.Captured == nil {
				rec.Before, rec.Captured = before, &c.now
			}
		})
	})
}

// done writes that nothing differs that could be changed. A resumed step that was being applied has
// been changed by this operation, even if there was nothing left to do.
func (r *runner) done(i int, s *Step, found Result) {
	r.update("step-done", i, func(o *OperationStep) {
		if len(found.Differences) > 0 {
			o.Message = "left to you: " + told(found.Differences)
		}
		if o.State == StepRunning {
			o.State = StepChanged
		} else {
			o.State = StepUnchanged
		}
	}, func(c *change) error {
		if r.op.Kind == KindAction {
			return nil // nothing that is kept as it is now
		}
		return c.record(s.ID, func(rec *record) {
			rec.Applied = &applied{Revision: r.op.Revision, Operation: r.op.ID, At: c.now}
		})
	})
}

// toRecord captures what is there, unless that was done before.
func (r *runner) toRecord(s *Step) (json.RawMessage, error) {
	if s.Undo == nil {
		return nil, nil
	}
	rec, err := r.e.journal.readRecord(s.ID)
	if err != nil || rec.Captured != nil {
		return nil, err
	}
	return r.e.capture(r.ctx(), s)
}

// permitted refuses what only the operator may decide.
func permitted(verb string, s *Step, found []Difference, consent Consent) error {
	var conflicts, adoptions []Difference
	for _, d := range found {
		switch d.Kind {
		case Conflict:
			conflicts = append(conflicts, d)
		case Adopt:
			adoptions = append(adoptions, d)
		}
	}
	if len(conflicts) > 0 {
		return problem.New(problem.Conflict, "change one of the two sides, then "+verb+" again",
			"cannot %s step %s: it is not waddle's to change: %s", verb, s.ID, told(conflicts))
	}
	if len(adoptions) > 0 && !consent.Adopt {
		return problem.New(problem.AdoptionNeeded, "look at waddle plan, then agree with: waddle apply --adopt",
			"cannot %s step %s without the consent to take over what is there: %s", verb, s.ID, told(adoptions))
	}
	return nil
}

// told is the differences in one line.
func told(found []Difference) string {
	parts := make([]string, len(found))
	for i, d := range found {
		parts[i] = fmt.Sprintf("%s is %s, should be %s", d.Object, orNothing(d.Is), orNothing(d.Want))
		if d.Note != "" {
			parts[i] += " (" + d.Note + ")"
		}
	}
	return strings.Join(parts, "; ")
}

func orNothing(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}
