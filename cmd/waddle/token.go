package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newToken(a *app) *cobra.Command {
	return group("token", "other", "Make and revoke API tokens",
		`Tokens are for calls over TLS, such as CI's. On the host itself the unix socket needs none.
A token's secret is shown once, when it is made; the daemon keeps only a hash of it.`,
		"  waddle token ls", newTokenCreate(a), newTokenLs(a), newTokenRevoke(a))
}

func newTokenCreate(a *app) *cobra.Command {
	var scopes []string
	var expires string
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a token and show it once",
		Long: `Makes a token and writes its secret, and nothing else, to the output; everything else goes to
the error output, so that > file works. Scopes: read looks; operate changes the host and
may do all that read may; admin makes tokens and may do all that operate may.`,
		Example: "  (umask 077; waddle token create ci --scope operate --expires 30d > ci.token)",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			days, err := inDays(expires)
			if err != nil {
				return err
			}
			body := client.TokenRequest{Name: args[0], ExpiresInDays: days}
			for _, s := range scopes {
				if !client.Scope(s).Valid() {
					return usagef("scopes are read, operate and admin", "there is no scope %q", s)
				}
				body.Scopes = append(body.Scopes, client.Scope(s))
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostTokenWithResponse(ctx, &client.PostTokenParams{}, body)
			if err != nil {
				return fmt.Errorf("cannot make token %s: %w", args[0], err)
			}
			t, err := need(r.JSON201, r.Status())
			if err != nil {
				return err
			}
			return a.showToken(*t, r.Body)
		},
	}
	c.Flags().StringArrayVar(&scopes, "scope", []string{"read"}, "what it may do: read, operate or admin; may be given several times")
	c.Flags().StringVar(&expires, "expires", "90d", "after how many days it ends, at most 365d")
	_ = c.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions([]string{"read", "operate", "admin"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// showToken writes the secret alone to the output.
func (a *app) showToken(t client.TokenCreated, body []byte) error {
	if err := a.emitBody(body, func() string { return t.Secret + "\n" }); err != nil {
		return err
	}
	fmt.Fprintf(a.con.Err, "token %s (%s), ends %s; it is not shown again\n", t.Token.Name, t.Token.ID, t.Token.Expires.Local().Format("2006-01-02"))
	if a.con.OutIsTerminal() {
		fmt.Fprintln(a.con.Err, a.con.ErrStyle.Warn("warning:"), "it is on your screen and in the terminal's scrollback: clear that, or revoke it and write the next one into a file with > file")
	}
	return nil
}

var daysRE = regexp.MustCompile(`^([0-9]{1,3})d?$`)

func inDays(text string) (int, error) {
	m := daysRE.FindStringSubmatch(text)
	if m == nil {
		return 0, usagef("write a number of days, as in --expires 30d", "cannot read %q as a number of days", text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 || n > 365 {
		return 0, usagef("write 1d to 365d", "a token cannot last %s", text)
	}
	return n, nil
}

func newTokenLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the tokens",
		Long:    "Lists the tokens with their scopes, when they end and when they were used last. Secrets cannot be shown.",
		Example: "  waddle token ls",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.ListTokensResponse, error) {
				return c.ListTokensWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(l client.TokenList) string { return view.Tokens(l, view.Clock{Now: time.Now()}) })
		},
	}
}

func newTokenRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Make a token worthless at once",
		Long:    "Revokes a token. It is dead at once, for open connections too. waddle token ls shows the ids.",
		Example: "  waddle token revoke 5b1f0c2e",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			if _, err := c.DeleteTokenWithResponse(ctx, args[0]); err != nil {
				return fmt.Errorf("cannot revoke token %s: %w", args[0], err)
			}
			fmt.Fprintf(a.con.Err, "token %s is revoked\n", args[0])
			return nil
		},
	}
}
