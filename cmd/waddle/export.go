package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newExport(a *app) *cobra.Command {
	return group("export", "other", "Write the platform for other programs",
		`So that nobody is locked in: what waddle keeps, in the words of another program.`,
		"  waddle export opentofu --dir platform",
		newExportOpenTofu(a))
}

func newExportOpenTofu(a *app) *cobra.Command {
	var dir string
	var force bool
	cmd := &cobra.Command{
		Use: "opentofu", Short: "Write the VMs as a configuration of OpenTofu with imports",
		Long: `Writes the platform's VMs as a configuration of OpenTofu (or Terraform) with the provider
bpg/proxmox, and an import block for each, so that tofu plan takes over the VMs that are there
without a change to them. It is made of the platform document, holds no secret, and changes
nothing. With --dir the files go into a directory, otherwise they are printed. docs/proxmox.md
says how to go away from waddle, and back.`,
		Example: "  waddle export opentofu\n  waddle export opentofu --dir platform",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			e, body, err := a.exported(cmd.Context())
			if err != nil {
				return err
			}
			if dir != "" {
				return a.writeExport(dir, e.Files, force)
			}
			return a.emitBody(body, func() string { return oneAfterTheOther(e.Files) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "write the files into `DIR`, which is made when it is not there")
	f.BoolVar(&force, "force", false, "with --dir: replace files that are there and say something else")
	return cmd
}

func (a *app) exported(ctx context.Context) (*client.Export, []byte, error) {
	return fetch(ctx, a, func(ctx context.Context, c *client.Connection) (*client.GetExportOpenTofuResponse, error) {
		return c.GetExportOpenTofuWithResponse(ctx)
	})
}

// oneAfterTheOther is a configuration as well: HCL's files are read as one.
func oneAfterTheOther(files []client.ExportFile) string {
	var b strings.Builder
	for i, f := range files {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("# " + f.Name + "\n\n" + f.Content)
	}
	return b.String()
}
