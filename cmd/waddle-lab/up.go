package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

func upCommand(name *string) *cobra.Command {
	var waddled string
	var handTyped bool
	cmd := &cobra.Command{
		Use:   "up [flags] [-- WADDLED-ARGUMENTS…]",
		Short: "build a lab, or use the one that is up",
		Long: `Builds a lab, or takes over the one that is up. With --waddled the daemon is started on its host,
as "waddled serve" unless other arguments are given behind --.`,
		Example: `  waddle-lab up                                   # the lab "lab", a fresh host
  waddle-lab up --waddled bin/waddled             # and waddled running on the host
  waddle-lab up --name second --hand-typed        # a host on which the plan was typed by hand`,
		RunE: func(cmd *cobra.Command, daemonArgs []string) error {
			if len(daemonArgs) > 0 && waddled == "" {
				return usageError{fmt.Errorf("%q are arguments for waddled, but --waddled is not given", daemonArgs)}
			}
			if len(daemonArgs) == 0 {
				daemonArgs = []string{"serve"}
			}
			out := cmd.OutOrStdout()
			l, err := lab.Up(cmd.Context(), lab.Options{
				Name: *name, HandTyped: handTyped,
				Log: func(line string) { _, _ = fmt.Fprintln(out, line) },
			})
			if err != nil {
				return err
			}
			if waddled != "" {
				if err := startDaemon(cmd, l, waddled, daemonArgs); err != nil {
					return err
				}
			}
			_, _ = fmt.Fprintf(out, "lab %s is up: waddle-lab exec --name %s host -- ip addr\n", l.Name, l.Name)
			return nil
		},
	}
	cmd.Flags().StringVar(&waddled, "waddled", "", "start this waddled on the host")
	cmd.Flags().BoolVar(&handTyped, "hand-typed", false, "type the plan's phase 0 and 1 commands on the host")
	return cmd
}

func startDaemon(cmd *cobra.Command, l *lab.Lab, binary string, daemonArgs []string) error {
	if pid, running := l.Daemon(); running {
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), "waddled runs already, process %d\n", pid)
		return nil
	}
	if err := l.StartDaemon(cmd.Context(), binary, daemonArgs, nil); err != nil {
		return err
	}
	pid, _ := l.Daemon()
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "waddled runs, process %d, log %s\n", pid, l.DaemonLog())
	return nil
}

func serveCommand(name *string) *cobra.Command {
	var proxmox bool
	cmd := &cobra.Command{
		Use:    "serve",
		Short:  "be one of the lab's processes; up starts them",
		Hidden: true,
		Args:   args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if proxmox {
				return lab.ServeProxmox(cmd.Context(), *name)
			}
			return lab.Serve(cmd.Context(), *name)
		},
	}
	cmd.Flags().BoolVar(&proxmox, "proxmox", false, "the one that simulates Proxmox VE")
	return cmd
}
