package main

import (
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/platform"
)

func newPlatformSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Show the JSON Schema of the platform document",
		Long: `Shows the JSON Schema of the platform document as this version of waddle reads it. Editors
complete and check a platform.yaml with it. No daemon is needed.`,
		Example: `  waddle platform schema > platform.schema.json
  # first line of platform.yaml, for editors that use yaml-language-server:
  # yaml-language-server: $schema=platform.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.emitJSON(platform.Schema()) },
	}
}
