package engine

import (
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// looseEvents is how many events that belong to no operation are kept.
const looseEvents = 10_000

// prune forgets ended operations that are too many or too old, with their
// events, and the oldest events that belong to none.
func (e *Engine) prune() {
	if e.ctx.Err() != nil {
		return
	}
	old, err := e.outdated()
	if err == nil && (len(old.operations) > 0 || len(old.events) > 0) {
		err = e.journal.write("prune", func(c *change) error { return old.remove(c.tx) })
	}
	if err != nil {
		e.log.Error("cannot prune the journal", "error", err)
	}
}

type outdated struct {
	operations []string
	events     [][]byte
}

func (e *Engine) outdated() (old outdated, err error) {
	limit := time.Now().Add(-e.o.Keep.Age)
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		gone := map[string]bool{}
		kept := 0
		err := operations.EachBack(tx, nil, func(_ []byte, h header) (bool, error) {
			switch {
			case !h.Final():
			case kept >= e.o.Keep.Count || h.Ended.Before(limit):
				gone[h.ID] = true
				old.operations = append(old.operations, h.ID)
			default:
				kept++
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		loose := 0
		return events.EachBack(tx, nil, func(k []byte, ev Event) (bool, error) {
			if ev.Operation == "" {
				loose++
			}
			if gone[ev.Operation] || (ev.Operation == "" && (loose > looseEvents || ev.Time.Before(limit))) {
				old.events = append(old.events, append([]byte{}, k...))
			}
			return true, nil
		})
	})
	return old, err
}

func (o outdated) remove(tx *bbolt.Tx) error {
	for _, id := range o.operations {
		if err := operations.Delete(tx, []byte(id)); err != nil {
			return err
		}
		if err := removeSteps(tx, id+"/"); err != nil {
			return err
		}
	}
	for _, k := range o.events {
		if err := events.Delete(tx, k); err != nil {
			return err
		}
	}
	return nil
}

func removeSteps(tx *bbolt.Tx, prefix string) error {
	var keys [][]byte
	err := operationSteps.Each(tx, []byte(prefix), func(k []byte, _ OperationStep) (bool, error) {
		if !strings.HasPrefix(string(k), prefix) {
			return false, nil
		}
		keys = append(keys, append([]byte{}, k...))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := operationSteps.Delete(tx, k); err != nil {
			return err
		}
	}
	return nil
}
