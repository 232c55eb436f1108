package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newFirewallTest(a *app) *cobra.Command {
	var params client.GetFirewallTestParams
	var profile string
	var six bool
	c := &cobra.Command{
		Use: "test --from WHO --to WHO:PORT/tcp", Short: "Say which rule decides about a new connection",
		Long: `Answers from the rules, without sending a packet: whether a new connection's first packet is
allowed or dropped, and by which rule. WHO is internet, host, teleport, node-1 and up, the name
or number of one of the platform's VMs, or an address; an IPv6 address with a port stands in
brackets, and %vmbr1 behind one says that it is on the internal bridge. For ping write WHO/ping.

Without --profile the rules that are in force are asked, with it those that waddle firewall set
would load. Rules of others are not looked at.`,
		Example: "  waddle firewall test --from internet --to host:8006/tcp\n  waddle firewall test --profile lockdown --from teleport --to host:22/tcp",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if params.From == "" || params.To == "" {
				return usagef("write --from internet --to host:8006/tcp", "both --from and --to are needed")
			}
			if profile != "" {
				p := client.FirewallProfile(profile)
				if !p.Valid() {
					return usagef("profiles are open, initial and lockdown", "there is no firewall profile %q", profile)
				}
				params.Profile = &p
			}
			if six {
				f := client.GetFirewallTestParamsFamily("ipv6")
				params.Family = &f
			}
			call := func(ctx context.Context, c *client.Connection) (*client.GetFirewallTestResponse, error) {
				r, err := c.GetFirewallTestWithResponse(ctx, &params)
				if err != nil {
					return nil, fmt.Errorf("cannot test the firewall: %w", err)
				}
				return r, nil
			}
			return show(cmd.Context(), a, call, func(d client.FirewallDecision) string { return view.FirewallDecision(d, a.look()) })
		},
	}
	f := c.Flags()
	f.StringVar(&params.From, "from", "", "`who` asks")
	f.StringVar(&params.To, "to", "", "`whom` and by what, as in host:8006/tcp")
	f.StringVar(&profile, "profile", "", "ask the rules of this `profile`: open, initial or lockdown")
	f.BoolVarP(&six, "ipv6", "6", false, "take the IPv6 addresses of names")
	_ = c.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(profiles, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"from", "to"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions([]string{"internet", "host", "teleport", "node-1", "node-2", "node-3"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	}
	return c
}
