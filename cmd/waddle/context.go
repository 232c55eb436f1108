package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/cmd/waddle/internal/config"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newContext(a *app) *cobra.Command {
	return group("context", "other", "Choose which daemon is talked to",
		`A context is a name for a daemon and for how it is reached. They are kept in the
configuration file (WADDLE_CONFIG, or waddle/config.yaml in the user's configuration
directory). Without any, the daemon on this host is talked to through its unix socket.`,
		"  waddle context ls", newContextLs(a), newContextUse(a), newContextSet(a))
}

func newContextLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the contexts",
		Long:    "Lists the contexts of the configuration file; the current one is marked. Tokens are not shown.",
		Example: "  waddle context ls -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			f, _, err := a.configFile()
			if err != nil {
				return err
			}
			return a.emit(f, func() string {
				if len(f.Contexts) == 0 {
					return "no contexts; the daemon on this host is used: " + config.DefaultServer + "\n"
				}
				rows := [][]string{{"", "NAME", "SERVER", "TOKEN", "CA"}}
				for _, name := range f.Names() {
					c, mark, token := f.Contexts[name], "", whereToken(f.Contexts[name])
					if name == f.Current {
						mark = "*"
					}
					rows = append(rows, []string{mark, name, c.Server, token, c.CAFile})
				}
				return view.Columns(rows...)
			})
		},
	}
}

// whereToken says where a context's token is, never what it is.
func whereToken(c config.Context) string {
	if c.Token != "" {
		return "in the configuration"
	}
	return c.TokenFile
}

func newContextUse(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Make a context the current one",
		Long:              "Makes NAME the context that is used when neither --context nor WADDLE_CONTEXT names one.",
		Example:           "  waddle context use production",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			f, path, err := a.configFile()
			if err != nil {
				return err
			}
			if _, ok := f.Contexts[args[0]]; !ok {
				return usagef("waddle context ls lists them", "there is no context %q in %s", args[0], path)
			}
			f.Current = args[0]
			if _, err := config.Path(a.getenv); err != nil {
				return usagef("", "%s", err)
			}
			if err := f.Save(path); err != nil {
				return err
			}
			fmt.Fprintf(a.con.Err, "now using context %s (%s)\n", args[0], f.Contexts[args[0]].Server)
			return nil
		},
	}
}

func newContextSet(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "set NAME --server URL [--token-file FILE] [--ca-file FILE]", Short: "Add or change a context",
		Long: `Writes the context NAME into the configuration file. What is not given stays as it
was. The first context becomes the current one. The token stays in its own file and is
read at each call; paths are stored as absolute ones.`,
		Example: "  waddle context set production --server https://10.10.0.1:8443 --token-file ~/.config/waddle/production.token --ca-file ~/.config/waddle/production.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, path, err := a.configFile()
			if err != nil {
				return err
			}
			c, err := a.changedContext(f.Contexts[args[0]])
			if err != nil {
				return err
			}
			if f.Contexts == nil {
				f.Contexts = map[string]config.Context{}
			}
			f.Contexts[args[0]] = c
			if f.Current == "" {
				f.Current = args[0]
			}
			if _, err := config.Path(a.getenv); err != nil {
				return usagef("", "%s", err)
			}
			if err := f.Save(path); err != nil {
				return err
			}
			fmt.Fprintf(a.con.Err, "context %s: %s, written to %s\n", args[0], c.Server, path)
			return nil
		},
	}
}

// changedContext is c with what the flags say.
func (a *app) changedContext(c config.Context) (config.Context, error) {
	if a.flags.server != "" {
		if err := config.CheckServer(a.flags.server); err != nil {
			return c, usagef("", "%s", err)
		}
		c.Server = a.flags.server
	}
	if c.Server == "" {
		return c, usagef("add --server https://host:port or --server unix:///path/to/socket", "a context needs a server")
	}
	for from, to := range map[string]*string{a.flags.tokenFile: &c.TokenFile, a.flags.caFile: &c.CAFile} {
		if from == "" {
			continue
		}
		abs, err := filepath.Abs(from)
		if err != nil {
			return c, fmt.Errorf("cannot find the folder of %s: %w", from, err)
		}
		*to = abs
	}
	if a.flags.tokenFile != "" {
		c.Token = "" // one place is enough
	}
	return c, nil
}

// configFile reads the configuration file and returns where it is: "" for a
// caller without a home, as a system service, who then has none.
func (a *app) configFile() (*config.File, string, error) {
	path, err := config.Path(a.getenv)
	if err != nil {
		return &config.File{}, "", nil
	}
	f, err := config.Load(path)
	if err != nil {
		return nil, "", usagef("", "%s", err)
	}
	return f, path, nil
}
