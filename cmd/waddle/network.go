package main

import (
	"context"
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
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
			call := func(ctx context.Context, c *client.Connection) (*client.GetNetworkResponse, error) {
				return c.GetNetworkWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(n client.Network) string { return view.Network(n, a.look()) })
		},
	}
}
