package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

const intro = `waddle-lab builds a lab out of network namespaces on this machine: an internet
with a web server, a scanner outside, and a host that looks like a fresh Proxmox VE
server, where the real waddled runs with the real kernel's bridges, NAT and netfilter.
No packet leaves the lab. It needs root and no virtualisation.`

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "waddle-lab",
		Short:         "a Proxmox-like host, an internet and a scanner on one Linux machine",
		Long:          intro,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) > 0 {
				return usageError{fmt.Errorf("there is no command %q: waddle-lab --help shows those that there are", a[0])}
			}
			return cmd.Help()
		},
	}
	name := root.PersistentFlags().String("name", lab.DefaultName, "which lab: a letter and up to 19 letters and digits")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(upCommand(name), downCommand(name), statusCommand(name), execCommand(name), proofCommand(name), faultCommand(name), serveCommand(name))
	return root
}

// args makes a wrong number of arguments a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return usageError{err}
		}
		return nil
	}
}
