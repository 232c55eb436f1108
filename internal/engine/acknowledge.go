package engine

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
)

// Acknowledge records a person's word that the gate is open. What the gate
// needs has to be done, and nothing seen against it; otherwise, and for a step
// that nobody can acknowledge, it is a GateNotOpen problem. The first word counts and later ones change
// nothing, unless the gate no longer takes the first.
func (e *Engine) Acknowledge(ctx context.Context, step string, by Caller, note string) error {
	g, err := e.graph(ctx)
	if err != nil {
		return err
	}
	s, known := g.Step(step)
	if !known {
		return problem.New(problem.NotFound, "list them with: waddle phase ls", "there is no step %q", step)
	}
	if s.Gate == nil || !s.Gate.Acknowledge {
		return problem.New(problem.GateNotOpen, "run waddle plan to see what it waits for", "step %s is not one that a person acknowledges", step)
	}
	seen := e.look(ctx, g, []*Step{s})
	if missing := seen.missing(s); len(missing) > 0 {
		p := problem.New(problem.GateNotOpen, "apply what it needs first, then acknowledge it", "cannot acknowledge %s: %s not done yet", step, isAre(missing))
		p.Others = missing
		return p
	}
	for _, ev := range seen.results[step].Evidence {
		if ev.Verdict == Contradicts {
			return problem.New(problem.GateNotOpen, "put that right, then acknowledge it",
				"cannot acknowledge %s: what is seen speaks against it: %s from %s: %s", step, ev.What, ev.From, ev.Answer)
		}
	}
	return e.journal.write("acknowledge", func(c *change) error {
		_, again, err := acknowledgements.Get(c.tx, []byte(step))
		if err != nil || again && seen.results[step].State == Done {
			return err
		}
		a := Acknowledgement{Step: step, By: by, Note: note, At: c.now}
		if err := acknowledgements.Put(c.tx, []byte(step), a); err != nil {
			return err
		}
		return c.events(Event{Type: EventGate, Step: step, State: "acknowledged", Message: "acknowledged by " + by.Name})
	})
}

// Withdraw takes back what Acknowledge recorded: the gate is open again unless
// it closes by what is seen. Nothing that was done since is undone. Without an
// acknowledgement it is a NotFound problem.
func (e *Engine) Withdraw(ctx context.Context, step string, by Caller) error {
	g, err := e.graph(ctx)
	if err != nil {
		return err
	}
	if _, known := g.Step(step); !known {
		return problem.New(problem.NotFound, "list them with: waddle phase ls", "there is no step %q", step)
	}
	return e.journal.write("withdraw", func(c *change) error {
		_, given, err := acknowledgements.Get(c.tx, []byte(step))
		if err != nil {
			return err
		}
		if !given {
			return problem.New(problem.NotFound, "look at it with: waddle phase show N", "nobody has acknowledged step %s", step)
		}
		if err := acknowledgements.Delete(c.tx, []byte(step)); err != nil {
			return err
		}
		return c.events(Event{Type: EventGate, Step: step, State: "withdrawn", Message: "acknowledgement withdrawn by " + by.Name})
	})
}

// Acknowledgement returns what was recorded for the gate.
func (e *Engine) Acknowledgement(step string) (*Acknowledgement, bool) {
	var a Acknowledgement
	var found bool
	err := e.o.State.View(func(tx *bbolt.Tx) (err error) {
		a, found, err = acknowledgements.Get(tx, []byte(step))
		return err
	})
	if err != nil {
		e.log.Error("cannot read an acknowledgement", "step", step, "error", err)
	}
	if !found {
		return nil, false
	}
	return &a, true
}

func isAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return list(names) + " are"
}
