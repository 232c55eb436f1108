package engine

import (
	"context"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
)

const (
	defaultPage = 50
	largestPage = 500
)

// Final reports whether the operation has ended, whichever way.
func (o *Operation) Final() bool { return o.State != OpRunning }

func (o *Operation) clone() *Operation {
	c := *o
	c.Steps = slices.Clone(o.Steps)
	return &c
}

func noOperation(id string) error {
	return problem.New(problem.NotFound, "list them with: waddle op ls", "there is no operation %q; it may have been pruned", id)
}

// Operation returns the operation as the journal has it, or a NotFound problem.
func (e *Engine) Operation(id string) (op *Operation, err error) {
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		op, err = readOperation(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return op, nil
}

// Operations lists operations, the newest first, and returns the token of the
// next page, "" when there is none.
func (e *Engine) Operations(f OperationFilter) (page []Operation, next string, err error) {
	limit := min(defaultTo(f.Limit, defaultPage), largestPage)
	var before []byte
	if f.Page != "" {
		before = []byte(f.Page)
	}
	page = []Operation{}
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		return operations.EachBack(tx, before, func(_ []byte, h header) (bool, error) {
			if !f.matches(h) {
				return true, nil
			}
			if len(page) == limit {
				next = page[limit-1].ID
				return false, nil
			}
			op, err := withSteps(tx, h)
			if err == nil {
				page = append(page, *op)
			}
			return err == nil, err
		})
	})
	return page, next, err
}

func (f OperationFilter) matches(h header) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, h.State)) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, h.Kind))
}

// Wait returns the operation once it is final. When ctx ends first, it returns
// the operation as it is and ctx's error.
func (e *Engine) Wait(ctx context.Context, id string) (*Operation, error) {
	for {
		news := e.journal.next()
		op, err := e.Operation(id)
		if err != nil || op.Final() {
			return op, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return op, ctx.Err()
		}
	}
}

// Cancel asks the operation to stop after the running steps. Asking again, or
// for one that has ended, changes nothing.
func (e *Engine) Cancel(_ context.Context, id string, by Caller) (*Operation, error) {
	var op *Operation
	err := e.journal.write("operation-cancel", func(c *change) error {
		var err error
		if op, err = readOperation(c.tx, id); err != nil || op.Final() || op.Cancel {
			return err
		}
		op.Cancel = true
		if err := c.header(id, func(h *header) { h.Cancel = true }); err != nil {
			return err
		}
		return c.events(Event{Type: EventOperation, Operation: id, State: string(OpRunning), Message: "cancel asked for by " + by.Name})
	})
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if r := e.running[id]; r != nil && op.Cancel {
		r.cancel()
	}
	e.mu.Unlock()
	return op, nil
}
