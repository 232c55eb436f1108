package main

import (
	"time"

	"github.com/spf13/cobra"
)

const rootLong = `waddle is the client of waddled, the daemon that keeps a Proxmox VE host's network,
firewall, storage and virtual machines as one platform document says.

It talks to the daemon on this host through the unix socket, or to another one over
TLS with a token (see waddle context set). Start with waddle init, look with waddle
plan, and change things with waddle apply. Nothing is changed without being shown first.

Settings come from flags, then from the environment (WADDLE_SERVER, WADDLE_TOKEN_FILE,
WADDLE_TOKEN, WADDLE_CA, WADDLE_CONTEXT), then from the chosen context in the
configuration file (WADDLE_CONFIG, or waddle/config.yaml in the user's configuration
directory), then from the defaults. WADDLE_TOKEN is discouraged: other processes of the
same user can read the environment.

Exit codes: 0 done, 1 error, 2 usage, 3 differences found by plan --exit-code,
4 refused, 5 failed, 6 stopped at a gate, 7 cannot reach the daemon,
8 not authenticated, 130 interrupted.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "waddle",
		Short: "Drive a Proxmox VE host to the platform that one document describes",
		Long:  rootLong,
		Example: `  waddle init --write        # propose a platform document for this host and store it
  waddle plan                # what would be changed, phase by phase
  waddle apply --through 1   # network and firewall
  waddle status              # how things stand`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.start() },
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.output, "output", "o", outTable, "output `format`: table, json or yaml (the API's own objects)")
	f.StringVar(&a.flags.server, "server", "", "the daemon's `url`: unix:///path or https://host:port")
	f.StringVar(&a.flags.context, "context", "", "`name` of the context in the configuration file")
	f.StringVar(&a.flags.tokenFile, "token-file", "", "`file` that holds the API token")
	f.StringVar(&a.flags.caFile, "ca-file", "", "PEM `file` with the certificates that the daemon's is checked against")
	f.DurationVar(&a.flags.timeout, "timeout", time.Minute, "how long one request may take")
	f.BoolVar(&a.flags.full, "full", false, "show files and rule lists to their last line")
	f.BoolVar(&a.flags.noColour, "no-color", false, "no colour (NO_COLOR does the same)")
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.AddGroup(
		&cobra.Group{ID: "daily", Title: "Day by day:"},
		&cobra.Group{ID: "look", Title: "Looking around:"},
		&cobra.Group{ID: "other", Title: "Setting up:"},
	)
	root.AddCommand(commands(a)...)
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outTable, outJSON, outYAML}, cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("context", a.completeContexts)
	return root
}

// commands lists them in the order in which an operator meets them.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newInit(a), newPlan(a), newApply(a), newStatus(a), newPhase(a), newOp(a), newEvents(a),
		newFirewall(a), newVM(a), newImage(a), newStorage(a), newPlatform(a), newPreflight(a), newNetwork(a), newHost(a), newToken(a), newExport(a), newContext(a), newVersion(a),
	}
}

// group is a command that only holds others.
func group(use, groupID, short, long, example string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, GroupID: groupID, Short: short, Long: long, Example: example,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(sub...)
	return c
}
