package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

func statusCommand(name *string) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the labs of this machine",
		Long:  "status shows every lab of this machine, or with --name that one.",
		Example: `  waddle-lab status
  waddle-lab status -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{*name}
			if !cmd.Flags().Changed("name") {
				found, err := lab.List()
				if err != nil {
					return err
				}
				names = found
			}
			all := []lab.Status{}
			for _, n := range names {
				all = append(all, lab.StatusOf(n))
			}
			return printStatus(cmd.OutOrStdout(), output, all)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printStatus(w io.Writer, output string, all []lab.Status) error {
	switch output {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	case "table":
		if len(all) == 0 {
			_, err := fmt.Fprintln(w, "no lab is up; start one with: waddle-lab up")
			return err
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "LAB\tSTATE\tHOST\tWADDLED\tVMS\tREASON")
		for _, s := range all {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", s.Name, s.State, s.HostKind(), s.DaemonState(), len(s.VMs), s.Reason)
		}
		return t.Flush()
	}
	return usageError{fmt.Errorf("-o %s is unknown: table or json", output)}
}
