package client

import (
	"context"
	"errors"
	"time"
)

// Final reports whether the operation has ended.
func (s OperationState) Final() bool { return s != OperationStateRunning }

// Wait returns the operation once it has ended, or when ctx ends with ctx's
// error and the operation as it was seen last. It bears a daemon that is
// restarted in between.
func (c *Connection) Wait(ctx context.Context, id OperationID) (*Operation, error) {
	var last *Operation
	for {
		resp, err := c.GetOperationWithResponse(ctx, id)
		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case err != nil && !isTransient(err):
			return last, err
		case err == nil:
			last = resp.JSON200
			if last.State.Final() {
				return last, nil
			}
		}
		if err := sleep(ctx, time.Second); err != nil {
			return last, err
		}
	}
}

// isTransient reports whether trying again can help: no answer, a broken
// stream, or a daemon that is starting or stopping.
func isTransient(err error) bool {
	if p, ok := AsProblem(err); ok {
		return p.Code == "unavailable"
	}
	var u *UnreachableError
	return errors.As(err, &u)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
