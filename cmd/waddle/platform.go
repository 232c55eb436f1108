package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/platform"
)

func newPlatform(a *app) *cobra.Command {
	return group("platform", "daily", "Show, check and change the platform document",
		`The platform document says how the host and the platform should be. Storing it changes
nothing on the host: waddle plan shows what it would change, waddle apply changes it.`,
		"  waddle platform show", newPlatformShow(a), newPlatformValidate(a), newPlatformSet(a), newPlatformEdit(a), newPlatformSchema(a))
}

func newPlatformShow(a *app) *cobra.Command {
	var defaults bool
	c := &cobra.Command{
		Use: "show", Short: "Show the platform document",
		Long: `Shows the document as it was written, with its comments. With --defaults every value that it
leaves out is filled in; -o json does that too.`,
		Example: "  waddle platform show > platform.yaml\n  waddle platform show --defaults",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			full := defaults || a.flags.output == outJSON
			body, _, err := a.getPlatform(cmd.Context(), c, full)
			if err != nil {
				return err
			}
			if full && a.flags.output == outJSON {
				return a.emitJSON(body)
			}
			if full {
				if body, err = yaml.JSONToYAML(body); err != nil {
					return fmt.Errorf("cannot print the platform document: %w", err)
				}
			}
			_, err = a.con.Out.Write(body)
			return err
		},
	}
	c.Flags().BoolVar(&defaults, "defaults", false, "fill in all defaults")
	return c
}

// getPlatform returns the document and its ETag: as it was written, or as JSON
// with all defaults.
func (a *app) getPlatform(ctx context.Context, c *client.Connection, full bool) (body []byte, etag string, err error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	var editors []client.RequestEditorFn
	if full {
		editors = append(editors, client.AcceptJSON)
	}
	r, err := c.GetPlatformWithResponse(ctx, editors...)
	if err != nil {
		return nil, "", fmt.Errorf("cannot get the platform document: %w", err)
	}
	return r.Body, r.HTTPResponse.Header.Get("ETag"), nil
}

func newPlatformValidate(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE", Short: "Check a platform document without a daemon",
		Long: `Checks a platform document with the same code as the daemon and lists every error with its
place and what would be right. Nothing is sent anywhere. FILE - reads the input.`,
		Example: "  waddle platform validate platform.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name, data, err := a.readDocument(args[0])
			if err != nil {
				return err
			}
			p, err := platform.Parse(name, data)
			if err != nil {
				return err
			}
			return a.emit(client.PlatformValid{Name: string(p.Metadata.Name), Valid: true}, func() string {
				return fmt.Sprintf("%s is a valid platform document: %s\n", name, p.Metadata.Name)
			})
		},
	}
}

// readDocument reads a file, or the input for "-".
func (a *app) readDocument(arg string) (name string, data []byte, err error) {
	if arg == "-" {
		data, err = io.ReadAll(io.LimitReader(a.con.In, platform.MaxBytes+1))
		name = "(input)"
	} else {
		data, err = os.ReadFile(arg)
		name = arg
	}
	if err != nil {
		return "", nil, usagef("", "cannot read the platform document: %s", err)
	}
	return name, data, nil
}
