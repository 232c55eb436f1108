package engine

import (
	"bytes"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/state"
)

// looseEvents is how many events that belong to no operation are kept.
const looseEvents = 10_000

// prune forgets ended operations that are too many or too old, with their
// events. Seq and the numbers of operations go on rising.
func (e *Engine) prune() {
	if e.ctx.Err() != nil {
		return
	}
	gone, err := e.outdated(time.Now().Add(-e.o.Keep.Age))
	if err == nil && len(gone) > 0 {
		err = e.journal.write("prune", func(c *change) error {
			for _, h := range gone {
				if err := c.forget(h); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		e.log.Error("cannot prune the operations", "error", err)
	}
}

func (e *Engine) outdated(limit time.Time) (gone []header, err error) {
	kept := 0
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		return operations.EachBack(tx, nil, func(_ []byte, h header) (bool, error) {
			switch {
			case !h.Final():
			case kept >= e.o.Keep.Count || h.Ended.Before(limit):
				gone = append(gone, h)
			default:
				kept++
			}
			return true, nil
		})
	})
	return gone, err
}

// forget removes an ended operation, its steps and its events.
func (c *change) forget(h header) error {
	if err := operations.Delete(c.tx, []byte(h.ID)); err != nil {
		return err
	}
	prefix := []byte(h.ID + "/")
	err := remove(c.tx, operationSteps, prefix, func(k []byte, _ OperationStep) (bool, bool) {
		mine := bytes.HasPrefix(k, prefix)
		return mine, mine
	})
	if err != nil {
		return err
	}
	return remove(c.tx, events, eventKey(h.FirstEvent), func(_ []byte, ev Event) (bool, bool) {
		return ev.Operation == h.ID, ev.Seq < h.LastEvent
	})
}

// remove deletes from the key on what fn calls gone, as long as it wants more.
func remove[T any](tx *bbolt.Tx, b state.Bucket[T], from []byte, fn func(k []byte, v T) (gone, more bool)) error {
	var keys [][]byte
	err := b.Each(tx, from, func(k []byte, v T) (bool, error) {
		gone, more := fn(k, v)
		if gone {
			keys = append(keys, slices.Clone(k))
		}
		return more, nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := b.Delete(tx, k); err != nil {
			return err
		}
	}
	return nil
}

// pruneLoose forgets events that belong to no operation and are too many or
// too old. It reads every event, so it is for the timer.
func (e *Engine) pruneLoose() {
	limit := time.Now().Add(-e.o.Keep.Age)
	var old [][]byte
	loose := 0
	err := e.o.State.View(func(tx *bbolt.Tx) error {
		return events.EachBack(tx, nil, func(k []byte, ev Event) (bool, error) {
			if ev.Operation != "" {
				return true, nil
			}
			if loose++; loose > looseEvents || ev.Time.Before(limit) {
				old = append(old, slices.Clone(k))
			}
			return true, nil
		})
	})
	if err == nil && len(old) > 0 {
		err = e.journal.write("prune", func(c *change) error {
			for _, k := range old {
				if err := events.Delete(c.tx, k); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		e.log.Error("cannot prune the events", "error", err)
	}
}
