package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

const planLong = `Looks at the host and shows, phase by phase and in the plan's words, what an apply would
change. Nothing is changed.

  + create    ~ change    - remove    > adopt (there already, says the same, not ours yet)
  ! conflict (there, not ours, says something else: only you can solve it)
  ? waits for other steps    = gate (a person has to do or confirm something)

Exit code 5 when a step could not be looked at; with --exit-code 3 when something would
change. Open gates and waiting steps are no changes.`

func newPlan(a *app) *cobra.Command {
	var through, phase int
	var exitCode bool
	c := &cobra.Command{
		Use: "plan", GroupID: "daily", Short: "Show what an apply would change",
		Long:    planLong,
		Example: "  waddle plan\n  waddle plan --through 1 --exit-code || echo 'not as it should be'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("through") && cmd.Flags().Changed("phase") {
				return usagef("give one of them", "--through and --phase exclude each other")
			}
			params := &client.GetPlanParams{}
			if cmd.Flags().Changed("through") {
				params.Through = &through
			}
			if cmd.Flags().Changed("phase") {
				params.Phase = []client.PhaseNumber{phase}
			}
			return a.plan(cmd.Context(), params, exitCode)
		},
	}
	c.Flags().IntVar(&through, "through", 0, "only the phases 0 to `N`")
	c.Flags().IntVar(&phase, "phase", 0, "only phase `N`")
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when something would change")
	completePhaseFlags(c, "through", "phase")
	return c
}

func (a *app) plan(ctx context.Context, params *client.GetPlanParams, exitCode bool) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	p, body, err := a.getPlan(ctx, c, params)
	if err != nil {
		return err
	}
	if err := a.emitBody(body, func() string { return view.Plan(*p, a.look()) }); err != nil {
		return err
	}
	switch {
	case view.Counts(*p).Failed > 0:
		return silent(exitFailed)
	case exitCode && p.Changes > 0:
		return silent(exitDifferences)
	}
	return nil
}

// getPlan asks for a plan and returns it also as the daemon sent it.
func (a *app) getPlan(ctx context.Context, c *client.Connection, params *client.GetPlanParams) (*client.Plan, []byte, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetPlanWithResponse(ctx, params)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot get the plan: %w", err)
	}
	p, err := need(r.JSON200, r.Status())
	return p, r.Body, err
}
