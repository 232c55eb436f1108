package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

func downCommand(name *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "take a lab away, also one that died or was never finished",
		Example: `  waddle-lab down
  waddle-lab down --all    # every lab on this machine`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{*name}
			if all {
				found, err := lab.List()
				if err != nil {
					return err
				}
				names = found
			}
			var faults []error
			for _, n := range names {
				if err := lab.Down(cmd.Context(), n); err != nil {
					faults = append(faults, err)
					continue
				}
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), "lab %s is down\n", n)
			}
			return errors.Join(faults...)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every lab on this machine")
	return cmd
}
