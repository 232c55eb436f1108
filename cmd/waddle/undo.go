package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newPhaseUndo(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "undo N", Short: "Put back what a phase changed",
		Long: `Shows what undoing phase N would put back, asks, and puts back exactly what was there
before the phase's steps were first applied. Steps that cannot be undone are named
beforehand and stay as they are. What others have added since is left alone.`,
		Example:           "  waddle phase undo 1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePhases,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := phaseNumber(args[0])
			if err != nil {
				return err
			}
			return a.undo(cmd.Context(), n, k)
		},
	}
	consentFlags(c, &k, false)
	return c
}

func (a *app) undo(ctx context.Context, n int, k consent) error {
	if err := a.checkYes(k); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	p, err := a.getUndo(ctx, c, n)
	if err != nil {
		return err
	}
	if a.table() {
		fmt.Fprintln(a.preface(k), view.Undo(*p, a.look()))
	}
	if p.Changes == 0 && a.table() {
		return nil // the view has said so
	}
	k.adopt = true // there is nothing to adopt in an undo
	if err := a.agree(ctx, *p, &k, fmt.Sprintf("Put this back and undo phase %d?", n)); err != nil {
		return err
	}
	return a.launch(ctx, c, k, func(ctx context.Context, c *client.Connection, k consent, key string) (*client.Operation, error) {
		r, err := c.PostPhaseUndoWithResponse(ctx, n, &client.PostPhaseUndoParams{IdempotencyKey: &key}, client.UndoRequest{Force: k.force})
		if err != nil {
			return nil, fmt.Errorf("cannot undo phase %d: %w", n, err)
		}
		return either(r.JSON200, r.JSON202, r.Status())
	})
}

func (a *app) getUndo(ctx context.Context, c *client.Connection, n int) (*client.Plan, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetPhaseUndoWithResponse(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("cannot tell what undoing phase %d would put back: %w", n, err)
	}
	return need(r.JSON200, r.Status())
}
