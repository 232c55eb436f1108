package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newPhase(a *app) *cobra.Command {
	return group("phase", "daily", "Look at, run and undo single phases",
		`The plan has seven phases, from 0 (host lockdown) to 6 (GitOps takes over). waddle apply
runs them in order; these commands are about one of them.`,
		"  waddle phase ls", newPhaseLs(a), newPhaseShow(a), newPhaseRun(a), newPhaseUndo(a), newPhaseAck(a))
}

func newPhaseLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the phases and how far each is",
		Long:    "Looks at the host and lists the phases. Nothing is changed.",
		Example: "  waddle phase ls",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.ListPhasesResponse, error) {
				return c.ListPhasesWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, view.Phases)
		},
	}
}

func newPhaseShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show N", Short: "Show one phase with all its steps",
		Long:              "Looks at the host and shows every step of phase N, also those where nothing differs. Nothing is changed.",
		Example:           "  waddle phase show 1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePhases,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := phaseNumber(args[0])
			if err != nil {
				return err
			}
			call := func(ctx context.Context, c *client.Connection) (*client.GetPhaseResponse, error) {
				return c.GetPhaseWithResponse(ctx, n)
			}
			return show(cmd.Context(), a, call, func(p client.Phase) string { return view.Phase(p, a.look()) })
		},
	}
}

func newPhaseRun(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "run N", Short: "Run one phase",
		Long: `Shows what phase N would change, asks, and runs the steps of this phase alone. Steps that
need something from an earlier phase are refused or wait. See waddle apply --help for
adoption, Ctrl-C and exit codes.`,
		Example:           "  waddle phase run 1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePhases,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := phaseNumber(args[0])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), changeRequest{
				consent: k, params: &client.GetPlanParams{Phase: []client.PhaseNumber{n}}, question: fmt.Sprintf("Run phase %d?", n),
				start: func(ctx context.Context, c *client.Connection, k consent, key string) (*client.Operation, error) {
					r, err := c.PostPhaseRunWithResponse(ctx, n, &client.PostPhaseRunParams{IdempotencyKey: &key}, client.RunRequest{Adopt: k.adopt, Force: k.force})
					if err != nil {
						return nil, fmt.Errorf("cannot run phase %d: %w", n, err)
					}
					return either(r.JSON200, r.JSON202, r.Status())
				},
			})
		},
	}
	consentFlags(c, &k, true)
	return c
}

// phaseNumber reads the number of a phase.
func phaseNumber(arg string) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || view.PhaseTitle(n) == "" {
		return 0, usagef("waddle phase ls lists them", "%q is no phase: write a number from 0 to 6", arg)
	}
	return n, nil
}
