package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newPhaseAck(a *app) *cobra.Command {
	var note string
	c := &cobra.Command{
		Use: "ack N STEP", Short: "Confirm a gate",
		Long: `Confirms that a person has done or seen what the gate STEP of phase N asks for. Who
confirmed, when and the note go into the journal. waddle phase show N lists the gates and
what they ask for. A gate that the daemon can check itself cannot be confirmed.`,
		Example:           `  waddle phase ack 0 host.root-password --note "changed, in the vault"`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeGates,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := phaseNumber(args[0])
			if err != nil {
				return err
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
	return c
}
