package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// checkGrace is how long a Check may take to notice that its time is over.
const checkGrace = time.Second

// guard calls fn; a panic of a step is that step's failure, not the daemon's.
func guard(log *slog.Logger, step, what string, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("a step panicked", "step", step, "in", what, "panic", r, "stack", string(debug.Stack()))
			err = problem.New(problem.Internal, "report it with the stack that is in the log: journalctl -u waddled",
				"%s of step %s panicked: %v", what, step, r)
		}
	}()
	return fn()
}

// check calls the step's Check within its time.
func (e *Engine) check(ctx context.Context, s *Step) (Result, error) {
	if s.Check == nil {
		return e.checkAcknowledged(s), nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.CheckTimeout)
	defer cancel()
	type answer struct {
		result Result
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		var a answer
		a.err = guard(e.log, s.ID, "the check", func() (err error) {
			a.result, err = s.Check(ctx)
			return err
		})
		answers <- a
	}()
	select {
	case a := <-answers:
		return e.checked(ctx, s, a.result, a.err)
	case <-ctx.Done():
	}
	select {
	case a := <-answers:
		return e.checked(ctx, s, a.result, a.err)
	case <-time.After(checkGrace):
		return Result{}, e.tooSlow(ctx, s)
	}
}

func (e *Engine) checked(ctx context.Context, s *Step, r Result, err error) (Result, error) {
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Result{}, e.tooSlow(ctx, s)
	case err != nil:
		return Result{}, err
	case r.State != Done && r.State != Differs && r.State != Unknown:
		return Result{}, fmt.Errorf("the check of step %s gave no answer: its state is %q", s.ID, r.State)
	}
	return r, nil
}

func (e *Engine) tooSlow(ctx context.Context, s *Step) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return problem.New(problem.Unavailable, "find out what it hangs on, then run it again",
		"cannot check step %s: no answer within %s", s.ID, e.o.CheckTimeout)
}

// checkAcknowledged is the Check of a gate that has none of its own.
func (e *Engine) checkAcknowledged(s *Step) Result {
	if a, done := e.Acknowledgement(s.ID); done {
		return IsDone("acknowledged by " + a.By.Name + " at " + a.At.Format(time.RFC3339))
	}
	return Found(Difference{Kind: Create, Object: "acknowledgement of " + s.ID, Want: "given by an operator", Note: s.Gate.Instruction})
}

// capture asks what is there before the first Apply.
func (e *Engine) capture(ctx context.Context, s *Step) (before json.RawMessage, err error) {
	err = guard(e.log, s.ID, "the capture", func() error {
		before, err = s.Undo.Capture(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot record what was there before step %s: %w", s.ID, err)
	}
	if len(before) == 0 {
		return json.RawMessage("null"), nil
	}
	if !json.Valid(before) {
		return nil, fmt.Errorf("cannot record what was there before step %s: the capture is not JSON", s.ID)
	}
	return before, nil
}

// show asks what an undo would change.
func (e *Engine) show(ctx context.Context, s *Step, before json.RawMessage) (found []Difference, err error) {
	err = guard(e.log, s.ID, "the look before undoing", func() error {
		found, err = s.Undo.Show(ctx, before)
		return err
	})
	return found, err
}

// failure is err as the journal keeps it.
func failure(step string, err error) *Failure {
	p := problem.From(err)
	return &Failure{Code: string(p.Code), Detail: err.Error(), Hint: p.Hint, Step: step}
}
