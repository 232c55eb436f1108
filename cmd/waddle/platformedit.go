package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/platform"
)

func newPlatformEdit(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "edit", Short: "Change the platform document in an editor",
		Long: `Opens the stored document in $VISUAL, $EDITOR or vi. What is saved is checked, shown as a
difference and stored when you agree. A document with errors is not stored; it is kept in
a file that the message names, so that nothing typed is lost.`,
		Example: "  waddle platform edit",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.edit(cmd.Context(), k) },
	}
	c.Flags().BoolVar(&k.force, "force", false, "store it although an apply would cut your own connection")
	return c
}

func (a *app) edit(ctx context.Context, k consent) error {
	if !a.con.Interactive() || !a.con.OutIsTerminal() {
		return usagef("use waddle platform show and waddle platform set", "an editor needs a terminal")
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	old, etag, err := a.getPlatform(ctx, c, false)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "waddle-")
	if err != nil {
		return fmt.Errorf("cannot edit the platform document: %w", err)
	}
	path := filepath.Join(dir, "platform.yaml")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		return fmt.Errorf("cannot edit the platform document: %w", err)
	}
	data, err := a.inEditor(ctx, path)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, data) {
		if _, err := platform.Parse(path, data); err != nil {
			return err // names the file, which is kept
		}
		if err := a.storeOver(ctx, c, old, data, etag, k); err != nil {
			fmt.Fprintf(a.con.Err, "the edited document is kept in %s\n", path)
			return err
		}
	} else {
		fmt.Fprintln(a.con.Err, "no changes")
	}
	return os.RemoveAll(dir)
}

// inEditor lets the operator change the file and returns what was saved.
func (a *app) inEditor(ctx context.Context, path string) ([]byte, error) {
	editor := strings.Fields(a.getenv("VISUAL"))
	if len(editor) == 0 {
		editor = strings.Fields(a.getenv("EDITOR"))
	}
	if len(editor) == 0 {
		editor = []string{"vi"}
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.std.in, a.std.out, a.std.err
	if err := cmd.Run(); err != nil {
		return nil, usagef("set EDITOR to one that works; the document is in "+path, "cannot edit the platform document: %s: %s", editor[0], err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read back the platform document: %w", err)
	}
	return data, nil
}
