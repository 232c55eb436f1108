package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

const applyLong = `Shows the plan, asks, and then brings the host to what the platform document says,
phases 0 to --through or all of them. Each step looks again after it has changed
something; what is right already is left alone, so running it again is safe.

What is there already and says the same is only taken over when you agree (or --adopt).
What would cut your own connection is refused (or --force). In a script --yes is needed.

The work is done by the daemon. Ctrl-C leaves the view and the work goes on: waddle op
watch comes back to it, waddle op cancel stops it after the running step.

Exit code 0 done, 4 refused, 5 failed, 6 stopped at a gate.`

func newApply(a *app) *cobra.Command {
	var k consent
	var through int
	c := &cobra.Command{
		Use: "apply", GroupID: "daily", Short: "Bring the host to what the platform document says",
		Long:    applyLong,
		Example: "  waddle apply --through 1\n  waddle apply --yes --detach",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params, body := &client.GetPlanParams{}, client.ApplyRequest{}
			if cmd.Flags().Changed("through") {
				params.Through, body.Through = &through, &through
			}
			return a.change(cmd.Context(), changeRequest{
				consent: k, params: params, question: "Apply these changes?",
				start: func(ctx context.Context, c *client.Connection, k consent, key string) (*client.Operation, error) {
					body.Adopt, body.Force = k.adopt, k.force
					r, err := c.PostApplyWithResponse(ctx, &client.PostApplyParams{IdempotencyKey: &key}, body)
					if err != nil {
						return nil, fmt.Errorf("cannot apply: %w", err)
					}
					return either(r.JSON200, r.JSON202, r.Status())
				},
			})
		},
	}
	c.Flags().IntVar(&through, "through", 0, "only the phases 0 to `N`")
	consentFlags(c, &k, true)
	completePhaseFlags(c, "through")
	return c
}

func consentFlags(c *cobra.Command, k *consent, adopt bool) {
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
	c.Flags().BoolVar(&k.force, "force", false, "go on although your own connection would be cut")
	c.Flags().BoolVar(&k.detach, "detach", false, "start it and return at once")
	if adopt {
		c.Flags().BoolVar(&k.adopt, "adopt", false, "take over what is there already and says the same")
	}
}

// changeRequest is an apply or a run of one phase.
type changeRequest struct {
	consent  consent
	params   *client.GetPlanParams
	question string
	start    starter
}

// starter starts an operation. A retry with the same key starts nothing twice.
type starter func(ctx context.Context, c *client.Connection, k consent, key string) (*client.Operation, error)

// change shows the plan, asks, starts the operation and watches it.
func (a *app) change(ctx context.Context, r changeRequest) error {
	if err := a.checkYes(r.consent); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	p, _, err := a.getPlan(ctx, c, r.params)
	if err != nil {
		return err
	}
	if a.table() {
		fmt.Fprintln(a.preface(r.consent), view.Plan(*p, a.look()))
	}
	if t := view.Counts(*p); p.Changes == 0 && t.Waits == 0 && t.Failed == 0 && a.table() {
		return nil // the plan has said so
	}
	if err := a.agree(ctx, *p, &r.consent, r.question); err != nil {
		return err
	}
	return a.launch(ctx, c, r.consent, r.start)
}

// preface is where what comes before the start goes: with --detach the output has
// the operation's id alone.
func (a *app) preface(k consent) io.Writer {
	if k.detach {
		return a.con.Err
	}
	return a.con.Out
}

// either returns the operation of a 200 or a 202.
func either(ended, running *client.Operation, status string) (*client.Operation, error) {
	if ended != nil {
		return ended, nil
	}
	return need(running, status)
}
