package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", GroupID: "daily", Short: "Show how the daemon and the host are",
		Long: `Shows the daemon, the platform document, where the API is served, what is running, what
ran last, and drift: what somebody or something changed in a finished phase. It tells
from the daemon's memory and is cheap; waddle plan looks at the host.`,
		Example: "  waddle status\n  waddle status -o json | jq .drift",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.GetStatusResponse, error) {
				return c.GetStatusWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(s client.Status) string { return view.Status(s, view.Clock{Now: time.Now()}, a.look()) })
		},
	}
}
