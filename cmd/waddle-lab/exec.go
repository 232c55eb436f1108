package main

import (
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

func execCommand(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "exec NODE -- COMMAND [ARGUMENTS…]",
		Short: "run a command in a node: host, internet, scanner, or a VM's name",
		Long: `exec runs a command inside a node and returns its exit code. On the host it has the
host's own /etc, /run, /var, /tmp and host name; the other nodes have this machine's files.`,
		Example: `  waddle-lab exec host -- bash
  waddle-lab exec host -- iptables-save
  waddle-lab exec scanner -- curl -k https://203.0.113.10:8006/`,
		Args: args(cobra.MinimumNArgs(2)),
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(given) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nodeNames(*name), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, argv []string) error {
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			node, err := l.Node(argv[0])
			if err != nil {
				return usageError{err}
			}
			c := node.Command(cmd.Context(), argv[1:]...)
			c.Stdin, c.Stdout, c.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return c.Run()
		},
	}
}

func nodeNames(name string) []string {
	names := []string{"host", "internet", "scanner"}
	l, err := lab.Open(name)
	if err != nil {
		return names
	}
	vms, err := l.VMs()
	if err != nil {
		return names
	}
	for _, vm := range vms {
		if vm.NIC == 0 {
			names = append(names, vm.Name)
		}
	}
	return names
}
