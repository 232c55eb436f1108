package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newHostRootPassword(a *app) *cobra.Command {
	var generate bool
	var file string
	c := &cobra.Command{
		Use: "root-password", Short: "Set root's password on the host",
		Long: `Sets the password with which root logs in on the out-of-band console, and so closes the gate
host.root-password of phase 0. With --generate the daemon makes one and shows it once: it goes,
and nothing else, to the output, so that > file works. With --from-file it is the one line of a
file that nobody else may read, or of the input with --from-file -. It is never kept or logged,
and never an argument, which other users of this machine could see.`,
		Example: "  (umask 077; waddle host root-password --generate > root.password)\n" +
			"  waddle host root-password --from-file root.password",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 { // and is not shown again
				return usagef("take --from-file, and another password if that was one: everybody on this machine can see arguments", "waddle host root-password takes no arguments")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			body := client.RootPasswordRequest{Generate: generate}
			if generate == (file != "") {
				return usagef("add --generate, or --from-file FILE", "cannot set root's password without one of --generate and --from-file")
			}
			if file != "" {
				text, err := a.readPassword(file)
				if err != nil {
					return err
				}
				body.Password = string(text)
			}
			return a.setRootPassword(cmd.Context(), body)
		},
	}
	c.Flags().BoolVar(&generate, "generate", false, "have the daemon make one, and show it once")
	c.Flags().StringVar(&file, "from-file", "", "take the one line of `FILE`; - is the input")
	return c
}

func (a *app) setRootPassword(ctx context.Context, body client.RootPasswordRequest) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.PutRootPasswordWithResponse(ctx, body)
	if err != nil {
		return fmt.Errorf("cannot set root's password: %w", err)
	}
	set, err := need(r.JSON200, r.Status())
	if err != nil {
		return err
	}
	text := ""
	if set.Password != "" {
		text = set.Password + "\n"
	}
	if err := a.emitBody(r.Body, func() string { return text }); err != nil {
		return fmt.Errorf("root's password was set, but cannot be shown: set another one: %w", err)
	}
	fmt.Fprintf(a.con.Err, "root's password is set since %s\n", set.SetAt.UTC().Format(time.RFC3339))
	if text == "" {
		return nil
	}
	fmt.Fprintln(a.con.Err, "it is not shown again; whoever lost it sets another one")
	if a.con.OutIsTerminal() {
		fmt.Fprintln(a.con.Err, a.con.ErrStyle.Warn("warning:"), "it is on your screen and in the terminal's scrollback: clear that once it is in the vault")
	}
	return nil
}

// longestPassword is crypt(3)'s limit in bytes, with a line's end.
const longestPassword = 511 + 2

// readPassword reads the one line of a file that is its owner's alone, or of the input.
func (a *app) readPassword(file string) ([]byte, error) {
	in := a.con.In
	if file != "-" {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("write the file first, or use --generate", "there is no file %s", file)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the password: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("cannot read the password: %w", err)
		}
		if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			return nil, usagef("chmod 600 "+file+", and take another password if somebody may have read it", "others may read %s: its mode is %04o", file, info.Mode().Perm())
		}
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, longestPassword))
	if err != nil {
		return nil, fmt.Errorf("cannot read the password from %s: %w", file, err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return nil, usagef("write the password on its first line", "%s is empty", file)
	}
	return text, nil
}
