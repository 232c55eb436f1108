package main

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

var profiles = []string{"open", "initial", "lockdown"}

func newFirewallSet(a *app) *cobra.Command {
	var within time.Duration
	var force bool
	c := &cobra.Command{
		Use: "set PROFILE", Short: "Load a profile that rolls itself back unless it is confirmed",
		Long: `Loads the profile open, initial or lockdown, each table in one step, and arms its rollback
outside of the daemon first. Open a new connection then, and confirm over it. Without that
the former rules come back by themselves.

lockdown is refused before the steps that show that Teleport is reachable are done (waddle
phase show 2), unless --force is given. Who forced it is in waddle firewall show and in the
events.`,
		Example:   "  waddle firewall set lockdown --confirm-within 120s",
		Args:      cobra.ExactArgs(1),
		ValidArgs: profiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !client.FirewallProfile(args[0]).Valid() {
				return usagef("profiles are open, initial and lockdown", "there is no firewall profile %q", args[0])
			}
			span, err := spanFlag("confirm-within", within)
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
			r, err := c.PostFirewallSetWithResponse(ctx, &client.PostFirewallSetParams{IdempotencyKey: &key},
				client.FirewallSetRequest{Profile: client.FirewallProfile(args[0]), ConfirmWithin: span, Force: force})
			if err != nil {
				return fmt.Errorf("cannot set the firewall profile %s: %w", args[0], err)
			}
			p, err := need(r.JSON200, r.Status())
			if err != nil {
				return err
			}
			return a.emitBody(r.Body, func() string { return view.FirewallPending(*p, a.look()) })
		},
	}
	c.Flags().DurationVar(&within, "confirm-within", 0, "how long it waits for its confirmation, up to 1h; without it as the platform document says")
	c.Flags().BoolVar(&force, "force", false, "load lockdown although nothing shows yet that Teleport is reachable")
	return c
}

func newFirewallConfirm(a *app) *cobra.Command {
	var console bool
	c := &cobra.Command{
		Use: "confirm [ID]", Short: "Keep the pending profile",
		Long: `Confirms the change that is pending, over a new connection, which so proves that the new rules
let you in. It counts over TLS from another machine (waddle context set, or --server). From
the host itself, over the unix socket, an SSH session or a tunnel, it would succeed whatever
the rules say, so it is refused there; at the out-of-band console, which no rule closes, say
--i-am-on-the-console.`,
		Example: "  waddle --server https://10.10.0.1:7443 firewall confirm\n  waddle firewall confirm --i-am-on-the-console",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect() // this is its first call, so the connection is a new one
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostFirewallConfirmWithResponse(ctx, client.FirewallConfirmRequest{ID: first(args), OnTheConsole: console})
			if err != nil {
				return fmt.Errorf("cannot confirm the firewall change: %w", err)
			}
			f, err := need(r.JSON200, r.Status())
			if err != nil {
				return err
			}
			return a.emitBody(r.Body, func() string { return view.Firewall(*f, false, a.look()) })
		},
	}
	c.Flags().BoolVar(&console, "i-am-on-the-console", false, "you are at the out-of-band console, which no rule closes")
	return c
}

func newFirewallRollback(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "rollback [ID]", Short: "Bring the last confirmed rules back at once",
		Long: `Takes the pending change back, or ends the emergency that is in force, without waiting for its
time. The last confirmed rules are loaded.`,
		Example: "  waddle firewall rollback",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, body, err := a.rollback(cmd, first(args))
			if err != nil {
				return err
			}
			return a.emitBody(body, func() string { return view.Firewall(*f, false, a.look()) })
		},
	}
}

func (a *app) rollback(cmd *cobra.Command, id string) (*client.Firewall, []byte, error) {
	c, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	r, err := c.PostFirewallRollbackWithResponse(ctx, client.FirewallRollbackRequest{ID: id})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot bring the confirmed firewall rules back: %w", err)
	}
	f, err := need(r.JSON200, r.Status())
	return f, r.Body, err
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
