package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

// deed is a command that starts an operation. In its texts %[1]s is the command's first argument.
type deed struct {
	do  string // what cannot be done when the call fails: "delete VM %[1]s"
	ask string // what is asked before, unless --yes was given; "" asks nothing
	// first is called before anything is asked, and may change the question.
	first func() error
}

// started is what the client returns of a call that starts an operation: it has ended, or it runs.
type started interface {
	GetJSON200() *client.Operation
	GetJSON202() *client.Operation
	Status() string
}

// does completes a command about one VM, unless it says what it is about. call makes the one call.
func does[A started](a *app, c *cobra.Command, d *deed, call func(ctx context.Context, c *client.Connection, args []string, key *string) (A, error)) *cobra.Command {
	var k consent
	if c.Args == nil {
		c.Args = cobra.ExactArgs(1)
	}
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = a.completeVMs
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if d.first != nil {
			if err := d.first(); err != nil {
				return err
			}
		}
		if d.ask != "" {
			if err := a.agreeTo(cmd.Context(), k, filled(d.ask, args)); err != nil {
				return err
			}
		}
		return carryOut(cmd.Context(), a, k, filled(d.do, args), func(ctx context.Context, c *client.Connection, key *string) (A, error) {
			return call(ctx, c, args, key)
		})
	}
	if d.ask != "" {
		yesFlag(c, &k)
	}
	detachFlag(c, &k)
	return c
}

// carryOut starts an operation and watches it.
func carryOut[A started](ctx context.Context, a *app, k consent, do string, call func(ctx context.Context, c *client.Connection, key *string) (A, error)) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	return a.launch(ctx, c, k, func(ctx context.Context, c *client.Connection, _ consent, key string) (*client.Operation, error) {
		r, err := call(ctx, c, &key)
		if err != nil {
			return nil, fmt.Errorf("cannot %s: %w", do, err)
		}
		return either(r.GetJSON200(), r.GetJSON202(), r.Status())
	})
}

func filled(text string, args []string) string {
	all := make([]any, len(args))
	for i := range args {
		all[i] = args[i]
	}
	if len(all) == 0 {
		return text
	}
	return fmt.Sprintf(text, all...)
}

func yesFlag(c *cobra.Command, k *consent) {
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
}

func detachFlag(c *cobra.Command, k *consent) {
	c.Flags().BoolVar(&k.detach, "detach", false, "start it and return at once")
}
