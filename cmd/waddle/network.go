package main

import (
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newNetwork(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "network", GroupID: "look", Short: "Show the host's network as it is and as it should be",
		Long: `Looks at the host and shows its links, forwarding, waddle's own firewall rules with the
packets that each has counted, and what is wanted and not there. Rules of others are only
counted: they are never touched. Nothing is changed.`,
		Example: "  waddle network\n  waddle network -o json | jq '.seen.rules[] | select(.packets > 0)'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.GetNetworkWithResponse(ctx)
			if err != nil {
				return err
			}
			n, err := need(r.JSON200, r.Status())
			if err != nil {
				return err
			}
			return a.emitBody(r.Body, func() string { return view.Network(*n, a.look()) })
		},
	}
}
