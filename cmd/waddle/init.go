package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/platform"
)

const initLong = `Looks at the host that the daemon runs on and proposes a platform document that has only
what differs from the defaults. What cannot be seen (the domain, a flexible IP, the GitHub
team…) is asked for on a terminal; each answer is checked at once. In a script answers come
from --set and --answers, and everything that is missing is listed.

The document goes to the output, into a file with -f, or to the daemon with --write, which
shows the difference and asks first. Nothing on the host is changed.

An answers file has one answer a line: path=value. Empty lines and lines that start with #
are skipped.`

// initOptions are the flags of init.
type initOptions struct {
	set     []string
	answers string
	file    string
	write   bool
	consent consent
}

func newInit(a *app) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use: "init", GroupID: "daily", Short: "Propose a platform document for this host",
		Long: initLong,
		Example: `  waddle init --write
  waddle init -f platform.yaml --set spec.dns.domain=example.org --set spec.teleport.githubOrganization=example
  waddle init --answers answers.txt --write --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.set, "set", nil, "an answer, `path=value`; may be given several times")
	f.StringVar(&o.answers, "answers", "", "`file` with answers, one path=value a line")
	f.StringVarP(&o.file, "file", "f", "", "write the document into this `file`; one that is there is not overwritten")
	f.BoolVar(&o.write, "write", false, "store the document in the daemon")
	f.BoolVarP(&o.consent.yes, "yes", "y", false, "with --write: do not ask before storing it")
	f.BoolVar(&o.consent.force, "force", false, "with --write: store it although an apply would cut your own connection")
	return c
}

func (a *app) init(ctx context.Context, o initOptions) error {
	given, err := a.givenAnswers(o)
	if err != nil {
		return err
	}
	if o.write {
		if err := a.checkYes(o.consent); err != nil {
			return err
		}
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	facts, _, err := a.facts(ctx, c)
	if err != nil {
		return err
	}
	p, questions := platform.Propose(*facts)
	if err := a.answerAll(ctx, p, questions, given); err != nil {
		return err
	}
	data, err := platform.Marshal(platform.Minimal(p))
	if err != nil {
		return err
	}
	if _, err := platform.Parse("proposal", data); err != nil {
		return err // answers that contradict each other, each with its path
	}
	return a.handOver(ctx, data, o)
}

// handOver writes the document where it was asked for.
func (a *app) handOver(ctx context.Context, data []byte, o initOptions) error {
	if o.file != "" {
		if err := writeNew(o.file, data); err != nil {
			return err
		}
		fmt.Fprintf(a.con.Err, "written to %s\n", o.file)
	}
	if o.write {
		return a.store(ctx, "proposal", data, o.consent)
	}
	if o.file == "" {
		_, err := a.con.Out.Write(data)
		return err
	}
	fmt.Fprintf(a.con.Err, "look at it, then: waddle platform set %s && waddle plan\n", o.file)
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return usagef("remove it, or write into another file with -f", "%s is there already and is not overwritten", path)
	}
	if err := renameio.WriteFile(path, data, 0o644); err != nil {
		return usagef("", "cannot write the document: %s", err)
	}
	return nil
}
