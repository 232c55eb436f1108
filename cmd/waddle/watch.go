package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

// watch shows an operation until it ends, and then how it ended. When ctx ends
// first, the operation goes on and the operator is told how to come back.
func (a *app) watch(ctx context.Context, c *client.Connection, id string) error {
	var err error
	switch {
	case !a.table():
	case a.con.OutIsTerminal():
		err = a.watchLive(ctx, c, id)
	default:
		err = a.watchLines(ctx, c, id)
	}
	if err == nil {
		err = a.ending(ctx, c, id)
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())) {
		fmt.Fprintf(a.con.Err, "\nleft the view: operation %s goes on in the daemon\n  watch it: waddle op watch %s\n  stop it:  waddle op cancel %s\n", id, id, id)
		return silent(exitInterrupted)
	}
	return err
}

// watchLines writes one line an event.
func (a *app) watchLines(ctx context.Context, c *client.Connection, id string) error {
	for e, err := range c.OperationEvents(ctx, id) {
		if err != nil {
			return fmt.Errorf("cannot watch operation %s: %w", id, err)
		}
		if _, err := fmt.Fprint(a.con.Out, view.Event(e)); err != nil {
			return err
		}
	}
	return nil
}

// ending waits for the operation's end and turns it into an exit code.
func (a *app) ending(ctx context.Context, c *client.Connection, id string) error {
	o, err := c.Wait(ctx, id)
	if err != nil {
		return fmt.Errorf("cannot look at operation %s: %w", id, err)
	}
	if !a.table() {
		raw, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("cannot print the operation: %w", err)
		}
		if err := a.emitJSON(raw); err != nil {
			return err
		}
		return outcome(*o)
	}
	text := view.Ending(*o, a.look())
	if !a.con.OutIsTerminal() { // the live view has shown them
		text += view.OpenGates(o.Steps, a.look())
	}
	if _, err := fmt.Fprint(a.con.Out, text); err != nil {
		return err
	}
	return outcome(*o)
}
