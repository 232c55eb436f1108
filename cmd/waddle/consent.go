package main

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
)

// consent is what the operator agrees to on the command line.
type consent struct {
	yes, adopt, force, detach bool
}

// checkYes refuses early what nobody could agree to: a script without --yes.
func (a *app) checkYes(k consent) error {
	switch {
	case k.yes:
		return nil
	case !a.table():
		return usagef("add --yes once you have looked at waddle plan", "with -o %s nobody is asked", a.flags.output)
	case !a.con.Interactive():
		return usagef("add --yes once you have looked at waddle plan", "there is no terminal to ask on")
	}
	return nil
}

// agree asks for what the flags left open: first whether what is there already
// may be taken over, then whether to go on at all.
func (a *app) agree(ctx context.Context, p client.Plan, k *consent, question string) error {
	n := view.Counts(p).Kinds[client.DifferenceKindAdopt]
	if n > 0 && !k.adopt {
		if k.yes {
			return &failure{exit: exitRefused, problem: problem.New(problem.AdoptionNeeded,
				"add --adopt to take them over; a copy of each file that is changed is kept",
				"%s (marked > in the plan)", foreign(n))}
		}
		ok, err := a.con.Confirm(ctx, fmt.Sprintf("Take over what is there already and says the same (%d marked >)? A copy of each file is kept.", n))
		if err != nil {
			return err
		}
		if !ok {
			return &failure{exit: exitRefused, problem: problem.New(problem.AdoptionNeeded,
				"remove them yourself, or agree to take them over", "nothing was changed: what is there was not taken over")}
		}
		k.adopt = true
	}
	if k.yes {
		return nil
	}
	ok, err := a.con.Confirm(ctx, question)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{exit: exitRefused, problem: problem.New(codeDeclined, "", "nothing was changed")}
	}
	return nil
}

// foreign says how much there is to adopt.
func foreign(n int) string {
	if n == 1 {
		return "one thing is there already, says the same, and is not waddle's"
	}
	return fmt.Sprintf("%d things are there already, say the same, and are not waddle's", n)
}
