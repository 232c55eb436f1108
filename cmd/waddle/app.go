package main

import (
	"context"
	"time"

	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

// app is what the commands share.
type app struct {
	std    stdio
	getenv func(string) string
	flags  globalFlags
	con    *console.Console
	parsed bool // the command line was understood: from here on an error is the command's own
}

// globalFlags stand before or after any command.
type globalFlags struct {
	output, server, context, tokenFile, caFile string
	timeout                                    time.Duration
	noColour, full                             bool
}

// The formats of -o.
const (
	outTable = "table"
	outJSON  = "json"
	outYAML  = "yaml"
)

// start runs before every command, as soon as the command line is understood.
func (a *app) start() error {
	a.console()
	switch a.flags.output {
	case outTable, outJSON, outYAML:
	default:
		return usagef("write -o table, -o json or -o yaml", "output format %q is not known", a.flags.output)
	}
	if a.flags.timeout <= 0 {
		return usagef("write a duration, as in --timeout 30s", "timeout %s is not above zero", a.flags.timeout)
	}
	a.parsed = true
	return nil
}

// console returns the terminal, also when the command line was wrong.
func (a *app) console() *console.Console {
	if a.con == nil {
		a.con = console.New(a.std.in, a.std.out, a.std.err, a.flags.noColour, a.getenv)
	}
	return a.con
}

// look is how views are shown to a person.
func (a *app) look() view.Look { return view.Look{Style: a.con.Style, Full: a.flags.full} }

// table reports whether the output is for a person.
func (a *app) table() bool { return a.flags.output == outTable }

// limited returns a context for one request.
func (a *app) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.flags.timeout)
}
