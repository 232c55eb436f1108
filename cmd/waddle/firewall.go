package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newFirewall(a *app) *cobra.Command {
	return group("firewall", "daily", "Change the firewall's profile without locking anybody out",
		`The host's firewall has a profile: open (nothing of waddle's filters), initial (phase 0: SSH
from where the platform says) and lockdown (phase 3: nothing from the public side). A change
is loaded at once and rolls itself back unless it is confirmed in time, whatever dies in
between. When nothing else works: waddled emergency on the console (docs/recovery.md).`,
		"  waddle firewall show", newFirewallShow(a), newFirewallSet(a), newFirewallConfirm(a), newFirewallRollback(a),
		newFirewallEmergency(a), newFirewallDiff(a), newFirewallTest(a))
}

func newFirewallShow(a *app) *cobra.Command {
	var rules, counters bool
	c := &cobra.Command{
		Use: "show", Short: "Show what is confirmed, and what is pending until when",
		Long: `Shows the profile that is in force and the one that a boot loads, a change that waits for its
confirmation with the seconds that are left, an emergency, how the last change ended, and the
addresses that are bound to a VM. Nothing is changed.`,
		Example: "  waddle firewall show\n  waddle firewall show --counters",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params := &client.GetFirewallParams{}
			if all := rules || counters; all {
				params.Rules = &all
			}
			call := func(ctx context.Context, c *client.Connection) (*client.GetFirewallResponse, error) {
				return c.GetFirewallWithResponse(ctx, params)
			}
			return show(cmd.Context(), a, call, func(f client.Firewall) string { return view.Firewall(f, counters, a.look()) })
		},
	}
	c.Flags().BoolVar(&rules, "rules", false, "list waddle's own rules as they are loaded")
	c.Flags().BoolVar(&counters, "counters", false, "list them with the packets and bytes that each has counted")
	return c
}

func newFirewallDiff(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "diff", Short: "Show what differs from what is confirmed, and from what is loaded",
		Long: `Compares the rules of a pending change or an emergency with the confirmed ones, and the loaded
rules with those that should be loaded now. Nothing is changed.`,
		Example: "  waddle firewall diff --full",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.GetFirewallDiffResponse, error) {
				return c.GetFirewallDiffWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(d client.FirewallDiff) string { return view.FirewallDiff(d, a.look()) })
		},
	}
}

// spanFlag is a length of time as the API takes it: whole seconds; "" for none.
func spanFlag(flag string, d time.Duration) (string, error) {
	switch {
	case d == 0:
		return "", nil
	case d < time.Second, d%time.Second != 0, d > 24*time.Hour:
		return "", usagef(fmt.Sprintf("write whole seconds, minutes or hours, as in --%s 120s, at most 24h", flag), "--%s cannot be %s", flag, d)
	}
	return fmt.Sprintf("%ds", int(d.Seconds())), nil
}
