package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newPhaseAck(a *app) *cobra.Command {
	var note string
	var withdraw bool
	c := &cobra.Command{
		Use: "ack N STEP", Short: "Confirm a gate",
		Long: `Confirms that a person has done or seen what the gate STEP of phase N asks for. Who
confirmed, when and the note go into the journal. waddle phase show N lists the gates and
what they ask for. A gate that the daemon can check itself cannot be confirmed. With --withdraw
a confirmation is taken back: the gate is open again, unless it closes by what is seen.`,
		Example: `  waddle phase ack 0 host.root-password --note "changed, in the vault"
  waddle phase ack 0 host.root-password --withdraw`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeGates,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := phaseNumber(args[0])
			if err != nil {
				return err
			}
			if withdraw {
				if note != "" {
					return usagef("leave one of the two out", "a withdrawal takes no --note")
				}
				return a.withdraw(cmd.Context(), n, args[1])
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			key := "cli-" + rand.Text()
			_, err = c.PostStepAcknowledgeWithResponse(ctx, n, args[1], &client.PostStepAcknowledgeParams{IdempotencyKey: &key}, client.AcknowledgeRequest{Note: note})
			if err != nil {
				return fmt.Errorf("cannot confirm gate %s of phase %d: %w", args[1], n, err)
			}
			fmt.Fprintf(a.con.Err, "confirmed gate %s of phase %d; waddle apply goes on\n", args[1], n)
			return nil
		},
	}
	c.Flags().StringVar(&note, "note", "", "`text` for the journal")
	c.Flags().BoolVar(&withdraw, "withdraw", false, "take a confirmation back")
	return c
}

// withdraw takes back that a gate was confirmed.
func (a *app) withdraw(ctx context.Context, phase int, step string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	if _, err := c.DeleteStepAcknowledgeWithResponse(ctx, phase, step); err != nil {
		return fmt.Errorf("cannot withdraw the confirmation of gate %s of phase %d: %w", step, phase, err)
	}
	fmt.Fprintf(a.con.Err, "the confirmation of gate %s of phase %d is withdrawn\n", step, phase)
	return nil
}
