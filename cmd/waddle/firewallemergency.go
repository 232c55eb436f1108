package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newFirewallEmergency(a *app) *cobra.Command {
	var req client.FirewallEmergencyRequest
	var lasts time.Duration
	var end bool
	c := &cobra.Command{
		Use: "emergency --from CIDR", Short: "Let some addresses in for a while",
		Long: `Loads the lockdown with SSH and the Proxmox UI (TCP 8006), or one of them, open to the sources
that are named, at most an IPv4 /8 and an IPv6 /16. It ends by itself, with a reboot, or with
--end. A change that waits for its confirmation is rolled back by it. Where no daemon answers: waddled emergency on the console.`,
		Example: "  waddle firewall emergency --from 198.51.100.7 --for 30m --ui\n  waddle firewall emergency --end",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if end == (len(req.From) > 0) {
				return usagef("write --from ADDRESS, or --end", "take one of --from and --end")
			}
			if end {
				return a.endEmergency(cmd)
			}
			var err error
			if req.For, err = spanFlag("for", lasts); err != nil {
				return err
			}
			call := func(ctx context.Context, c *client.Connection) (*client.PostFirewallEmergencyResponse, error) {
				r, err := c.PostFirewallEmergencyWithResponse(ctx, req)
				if err != nil {
					return nil, fmt.Errorf("cannot begin an emergency: %w", err)
				}
				return r, nil
			}
			return show(cmd.Context(), a, call, view.FirewallEmergency)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&req.From, "from", nil, "`address` or network that is let in, IPv4 or IPv6; may be given several times")
	f.DurationVar(&lasts, "for", 0, "how long, up to 24h; without it as the platform document says")
	f.BoolVar(&req.SSH, "ssh", false, "open SSH; without --ssh and --ui both are opened")
	f.BoolVar(&req.UI, "ui", false, "open the Proxmox UI, TCP 8006")
	f.BoolVar(&end, "end", false, "end the emergency that is in force")
	return c
}

// endEmergency names the emergency, so that it cannot roll back a change that
// has come in its place.
func (a *app) endEmergency(cmd *cobra.Command) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	now, err := c.GetFirewallWithResponse(ctx, &client.GetFirewallParams{})
	if err != nil {
		return err
	}
	f, err := need(now.JSON200, now.Status())
	if err != nil {
		return err
	}
	if f.Emergency == nil {
		return usagef("waddle firewall show says what is", "no emergency is in force")
	}
	f, body, err := a.rollback(cmd, f.Emergency.ID)
	if err != nil {
		return err
	}
	return a.emitBody(body, func() string { return view.Firewall(*f, false, a.look()) })
}
