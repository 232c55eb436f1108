package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

func newPlatformSet(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "set FILE", Short: "Store a platform document",
		Long: `Checks the document, shows what differs from the stored one, asks, and stores it. When
somebody else has stored another one in between, nothing is overwritten (exit code 4).
Nothing on the host is changed: waddle plan and waddle apply do that. FILE - reads the
input and needs --yes.`,
		Example: "  waddle platform set platform.yaml && waddle plan",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, data, err := a.readDocument(args[0])
			if err != nil {
				return err
			}
			return a.store(cmd.Context(), name, data, k)
		},
	}
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
	c.Flags().BoolVar(&k.force, "force", false, "store it although an apply would cut your own connection")
	return c
}

// store validates a document here, for errors with the file's own name, shows
// the difference to the stored one, and stores it if that is still the same.
func (a *app) store(ctx context.Context, name string, data []byte, k consent) error {
	if _, err := platform.Parse(name, data); err != nil {
		return err
	}
	if err := a.checkYes(k); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	old, etag, err := a.stored(ctx, c)
	if err != nil {
		return err
	}
	return a.storeOver(ctx, c, old, data, etag, k)
}

// storeOver stores a document in the place of old, if that is still the one with
// the ETag.
func (a *app) storeOver(ctx context.Context, c *client.Connection, old, data []byte, etag string, k consent) error {
	if bytes.Equal(old, data) {
		fmt.Fprintln(a.con.Err, "no changes: this is the stored document")
		return nil
	}
	if a.table() {
		fmt.Fprint(a.con.Out, view.Diff(string(old), string(data), "", view.Look{Style: a.con.Style, Full: true}))
	}
	if err := a.agree(ctx, client.Plan{}, &k, "Store this document?"); err != nil {
		return err
	}
	return a.put(ctx, c, data, etag, k.force)
}

// stored returns the stored document and its ETag; both empty when there is none.
func (a *app) stored(ctx context.Context, c *client.Connection) ([]byte, string, error) {
	body, etag, err := a.getPlatform(ctx, c, false)
	if p, ok := client.AsProblem(err); ok && problem.Code(p.Code) == problem.NoPlatform {
		return nil, "", nil
	}
	return body, etag, err
}

func (a *app) put(ctx context.Context, c *client.Connection, data []byte, etag string, force bool) error {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	params := &client.PutPlatformParams{}
	if etag != "" {
		params.IfMatch = &etag
	}
	if force {
		params.Force = &force
	}
	r, err := c.PutPlatformWithBodyWithResponse(ctx, params, "application/yaml", bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("cannot store the platform document: %w", err)
	}
	w := r.JSON200
	if w == nil {
		w = r.JSON201
	}
	if w, err = need(w, r.Status()); err != nil {
		return err
	}
	fmt.Fprintln(a.con.Err, "stored; waddle plan shows what an apply would change")
	return a.emitBody(r.Body, func() string { return "revision " + w.Revision + "\n" })
}
