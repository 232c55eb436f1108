package firewall

import (
	"context"

	"github.com/waddle-social/waddle/internal/engine"
)

// LockdownStep is the step of phase 3 that stands for the lockdown. What it
// needs shows that the host can be reached without its public address.
const LockdownStep = "lockdown.rules"

// Planner looks at steps; engine.Engine does.
type Planner interface {
	Plan(ctx context.Context, sel engine.Selection) (*engine.Plan, error)
}

// Missing are the needs of the lockdown that are not done.
func Missing(ctx context.Context, e Planner) ([]string, error) {
	plan, err := e.Plan(ctx, engine.Selection{Steps: []string{LockdownStep}})
	if err != nil {
		return nil, err
	}
	var needs []string
	for _, s := range plan.Steps {
		if s.ID == LockdownStep {
			needs = s.Needs
		}
	}
	if len(needs) == 0 {
		return nil, nil
	}
	if plan, err = e.Plan(ctx, engine.Selection{Steps: needs}); err != nil {
		return nil, err
	}
	var missing []string
	for _, s := range plan.Steps {
		if s.Result.State != engine.Done {
			missing = append(missing, s.ID)
		}
	}
	return missing, nil
}
