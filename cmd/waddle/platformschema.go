package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPlatformSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Show the JSON Schema of the platform document",
		Long: `Shows the JSON Schema of the platform document as this daemon reads it. Editors complete and
check a platform.yaml with it.`,
		Example: `  waddle platform schema > platform.schema.json
  # first line of platform.yaml, for editors that use yaml-language-server:
  # yaml-language-server: $schema=platform.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.GetPlatformSchemaWithResponse(ctx)
			if err != nil {
				return fmt.Errorf("cannot get the schema: %w", err)
			}
			return a.emitJSON(r.Body)
		},
	}
}
