package phase

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
)

// kept is a driver's five functions for one thing on the host, in the engine's
// words, B being what it records for undo.
type kept[B any] struct {
	look    func(context.Context) (engine.Result, error)
	apply   func(context.Context, *engine.Run) error
	capture func(context.Context) (B, error)
	show    func(context.Context, B) ([]engine.Difference, error)
	undo    func(context.Context, B) error
	// refused gives the driver's refusals the code and hint that the operator sees.
	refused func(error) error
}

// step completes s with the functions.
func (k kept[B]) step(s engine.Step) engine.Step {
	s.CheckEarly = true // it can be looked at on a bare host
	s.Check = func(ctx context.Context) (engine.Result, error) {
		r, err := k.look(ctx)
		if err != nil {
			return engine.Result{}, k.refused(err)
		}
		return r, nil
	}
	s.Apply = func(ctx context.Context, run *engine.Run) error { return k.refused(k.apply(ctx, run)) }
	s.Undo = &engine.Undo{
		Capture: func(ctx context.Context) (json.RawMessage, error) {
			before, err := k.capture(ctx)
			if err != nil {
				return nil, k.refused(err)
			}
			return json.Marshal(before)
		},
		Show: func(ctx context.Context, raw json.RawMessage) ([]engine.Difference, error) {
			before, err := decode[B](raw)
			if err != nil {
				return nil, err
			}
			d, err := k.show(ctx, before)
			return d, k.refused(err)
		},
		Apply: func(ctx context.Context, raw json.RawMessage, _ *engine.Run) error {
			before, err := decode[B](raw)
			if err != nil {
				return err
			}
			return k.refused(k.undo(ctx, before))
		},
	}
	return s
}

// found is the answer of a check.
func found(ds []engine.Difference, notes []string) engine.Result {
	r := engine.Found(ds...)
	r.Notes = notes
	return r
}

func decode[B any](raw json.RawMessage) (before B, err error) {
	if err := json.Unmarshal(raw, &before); err != nil {
		return before, fmt.Errorf("cannot read what was recorded before the first apply: %w", err)
	}
	return before, nil
}
