package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/platform"
)

func newHost(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "host", GroupID: "look", Short: "Show what the host has",
		Long: `Looks at the host and shows what a platform document has to fit: name, CPUs, memory, disks,
pools, Proxmox storages, network devices and where the default route leaves. Nothing is
changed. waddle init starts from the same facts. root-password, below it, sets root's password.`,
		Example: "  waddle host\n  waddle host root-password --generate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			f, body, err := a.facts(cmd.Context(), c)
			if err != nil {
				return err
			}
			return a.emitBody(body, func() string { return view.Host(*f) })
		},
	}
	c.AddCommand(newHostRootPassword(a))
	return c
}

// facts asks the daemon what it sees of the host.
func (a *app) facts(ctx context.Context, c *client.Connection) (*platform.Facts, []byte, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetHostWithResponse(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot look at the host: %w", err)
	}
	if _, err := need(r.JSON200, r.Status()); err != nil {
		return nil, nil, err
	}
	f := &platform.Facts{}
	if err := json.Unmarshal(r.Body, f); err != nil {
		return nil, nil, fmt.Errorf("cannot understand what the daemon says of the host: %w", err)
	}
	return f, r.Body, nil
}
