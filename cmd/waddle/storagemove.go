package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newStorageMove(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "move VOLUME", Short: "Bring an older host's volume to where democratic-csi looks for it",
		Long: `Moves a volume that lies right below the root dataset, as older guides for democratic-csi
have it, to the child v, where the driver can grow, snapshot and delete it again. Its name,
its target's name and what is on it stay. One that is there already is left as it is.

Take the older host's volumes over first (waddle storage adopt). Nobody may be logged in: the
device that the target exports is another one afterwards. Stop the pod, move the volume,
start the pod.`,
		Example:           "  waddle storage move pvc-0b6f2a4e-5f0d-4f5e-9d0c-2f4c8f1d7a11",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVolumes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args[0]); err != nil {
				return err
			}
			if err := a.mayAsk(k, "what waddle storage show prints"); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if err := a.agree(cmd.Context(), client.Plan{}, &k, fmt.Sprintf("Move volume %s to where democratic-csi looks for it?", args[0])); err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostVolumeMoveWithResponse(ctx, args[0], &client.PostVolumeMoveParams{IdempotencyKey: onceKey()})
			if err != nil {
				return fmt.Errorf("cannot move volume %s: %w", args[0], err)
			}
			return a.emitVolume(r.JSON200, r.Status())
		},
	}
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
	return c
}
