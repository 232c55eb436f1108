package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
)

func newPreflight(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "preflight", GroupID: "look", Short: "Say what the platform needs of the host and whether it is there",
		Long: `Looks at the kernel, the storage backend, the bridges and Proxmox VE: its API and certificate,
the daemon's token and each of its privileges, the storages with their content types and room.
One line each, with what to do about it. Nothing is changed. Exit code 4 when something is
missing, so that a script can stop before waddle apply.`,
		Example: "  waddle preflight\n  waddle preflight -o json | jq -r '.checks[] | select(.state != \"ok\") | .remedy'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.GetPreflightWithResponse(ctx)
			if err != nil {
				return err
			}
			p, err := need(r.JSON200, r.Status())
			if err != nil {
				return err
			}
			if err := a.emitBody(r.Body, func() string { return view.Preflight(*p, a.look()) }); err != nil {
				return err
			}
			return unready(*p)
		},
	}
}

// unready is the refusal that stands for a host on which something is missing.
func unready(p client.Preflight) error {
	if p.Ready {
		return nil
	}
	missing, unknown := 0, 0
	for _, c := range p.Checks {
		switch c.State {
		case client.PreflightCheckStateMissing:
			missing++
		case client.PreflightCheckStateUnknown:
			unknown++
		}
	}
	text := fmt.Sprintf("the host is not ready: %d missing", missing)
	if unknown > 0 {
		text += fmt.Sprintf(", %d could not be looked at", unknown)
	}
	return &failure{exit: exitRefused, problem: problem.New(problem.HostUnsuitable, "settle each line, then run waddle preflight again", "%s", text)}
}
