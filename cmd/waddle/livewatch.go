package main

import (
	"context"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
	"github.com/waddle-social/waddle/cmd/waddle/internal/live"
)

// watchLive redraws the steps on a terminal, ten times a second, while events
// come in.
func (a *app) watchLive(ctx context.Context, c *client.Connection, id string) error {
	first, err := a.getOperation(ctx, c, id)
	if err != nil {
		return err
	}
	board := live.NewBoard(a.con.Style, first.Created)
	seed(board, first)
	screen := live.NewScreen(a.con.Out)
	events, failed := pump(ctx, c, id)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case e, ok := <-events:
			if running = ok; ok {
				live.Update(board, e)
			}
			continue
		case <-tick.C:
		}
		if err := draw(screen, board, a.con.Out, true); err != nil {
			return err
		}
	}
	if err := <-failed; err != nil {
		_ = draw(screen, board, a.con.Out, false)
		return fmt.Errorf("cannot watch operation %s: %w", id, err)
	}
	last, err := a.getOperation(ctx, c, id)
	if err != nil {
		return err
	}
	seed(board, last)
	return draw(screen, board, a.con.Out, false)
}

// pump hands on the events of an operation until it ends, then the error that
// ended them, if any.
func pump(ctx context.Context, c *client.Connection, id string) (<-chan client.Event, <-chan error) {
	events, failed := make(chan client.Event), make(chan error, 1)
	go func() {
		defer close(events)
		var last error
		defer func() { failed <- last }()
		for e, err := range c.OperationEvents(ctx, id) {
			if err != nil {
				last = err
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				last = ctx.Err()
				return
			}
		}
	}()
	return events, failed
}

func draw(s *live.Screen, b *live.Board, out any, running bool) error {
	width, height := console.Size(out)
	var below []string
	if running {
		below = b.Running(time.Now(), width)
	}
	return s.Draw(b.Finished(width), below, height)
}

func seed(b *live.Board, o *client.Operation) {
	for _, s := range o.Steps {
		live.Seed(b, s)
	}
}

func (a *app) getOperation(ctx context.Context, c *client.Connection, id string) (*client.Operation, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetOperationWithResponse(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("cannot look at operation %s: %w", id, err)
	}
	return need(r.JSON200, r.Status())
}
