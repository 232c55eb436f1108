package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
)

func proofCommand(name *string) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "proof",
		Short: "prove from outside and from a VM that the host's network is as phases 0 and 1 want it",
		Long: `proof plugs a VM into vmbr1 and looks: the VM loads a page of the internet and the server
sees the host's public address; from the scanner every TCP port of the host but 22 is
closed, over IPv4 and IPv6; nothing from outside reaches 10.10.0.0/24, although the
internet is given a route to it. Each line says what was tried, how often, and what came
of it. The exit code is 0 when everything holds, 5 otherwise. It takes about ten seconds.`,
		Example: `  waddle-lab proof
  waddle-lab proof -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError{fmt.Errorf("-o %s is unknown: table or json", output)}
			}
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			proof, err := l.Proof(cmd.Context())
			if err != nil {
				return err
			}
			if err := printProof(cmd, output, proof); err != nil {
				return err
			}
			if !proof.Passed() {
				return errors.New("the proof failed: the lines with FAIL say where")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func printProof(cmd *cobra.Command, output string, proof *lab.Proof) error {
	if output == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(proof)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), proof)
	return err
}
