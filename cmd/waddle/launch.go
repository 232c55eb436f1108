package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/problem"
)

// launch starts an operation and watches it to its end, or returns at once with
// --detach.
func (a *app) launch(ctx context.Context, c *client.Connection, k consent, start starter) error {
	o, err := a.startOnce(ctx, c, k, start)
	if err != nil {
		return err
	}
	if k.detach {
		return a.detached(o)
	}
	return a.watch(ctx, c, o.ID)
}

// startOnce starts an operation once, however often the connection breaks: each
// try carries the same idempotency key.
func (a *app) startOnce(ctx context.Context, c *client.Connection, k consent, start starter) (*client.Operation, error) {
	key := "cli-" + rand.Text()
	for try := 0; ; try++ {
		limited, cancel := a.limited(ctx)
		o, err := start(limited, c, k, key)
		cancel()
		if err != nil && ctx.Err() != nil {
			return nil, &failure{exit: exitInterrupted, problem: problem.New(codeInterrupted,
				"look with waddle op ls", "interrupted while the operation was being started: it may be running")}
		}
		if err == nil || try == 3 || !broken(err) {
			return o, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// broken reports whether a connection that stood broke off, so that nobody knows
// whether the request arrived. A server that was never reached is none.
func broken(err error) bool {
	if errors.Is(err, io.ErrUnexpectedEOF) { // in the middle of the answer
		return true
	}
	var far *client.UnreachableError
	var dial *net.OpError
	if !errors.As(err, &far) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	return !errors.As(err, &dial) || dial.Op != "dial"
}

// detached says which operation was started and how to come back to it.
func (a *app) detached(o *client.Operation) error {
	if !a.table() {
		raw, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("cannot print the operation: %w", err)
		}
		return a.emitJSON(raw)
	}
	fmt.Fprintln(a.con.Out, o.ID)
	fmt.Fprintf(a.con.Err, "started; watch it with: waddle op watch %s\n", o.ID)
	return nil
}
