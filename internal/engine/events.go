package engine

import (
	"context"
	"iter"

	"go.etcd.io/bbolt"
)

// The types of events that the engine writes. The server adds its own through
// Publish, e.g. "platform".
const (
	EventOperation = "operation" // State is the operation's
	EventStep      = "step"      // State is the step's
	EventProgress  = "progress"  // of a running step
	EventGate      = "gate"      // a gate was met or acknowledged
	EventDrift     = "drift"     // State is the DriftKind
	EventRepaired  = "repaired"  // what had drifted is as it should be again
)

// batch is how many events are read at once, so that no slow reader keeps the
// journal's old pages alive.
const batch = 256

// Events returns what the journal has after f.After and then what comes,
// without a gap and without a duplicate. It ends with ctx or, for one
// operation, when that is final and all of its events have been seen. An error
// is the last thing it yields.
func (e *Engine) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	after, err := e.after(f)
	return func(yield func(Event, error) bool) {
		if err != nil {
			yield(Event{}, err)
			return
		}
		cursor := after
		for {
			news := e.journal.next()
			found, last, err := e.readEvents(f.Operation, &cursor)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, ev := range found {
				if ctx.Err() != nil || !yield(ev, nil) {
					return
				}
			}
			if last {
				return
			}
			if len(found) == batch {
				continue
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}
}

// after is the Seq before the first event that the filter lets through. To begin
// with what is new reads none of the events that are kept.
func (e *Engine) after(f EventFilter) (seq uint64, err error) {
	if !f.New {
		return f.After, nil
	}
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		seq = events.Last(tx)
		return nil
	})
	return seq, err
}

// readEvents returns at most a batch of events after the cursor and moves it.
// last means that no further one can come.
func (e *Engine) readEvents(operation string, cursor *uint64) (found []Event, last bool, err error) {
	err = e.o.State.View(func(tx *bbolt.Tx) error {
		if operation != "" {
			h, known, err := operations.Get(tx, []byte(operation))
			if err != nil {
				return err
			}
			if !known {
				return noOperation(operation)
			}
			last = h.Final()
			*cursor = max(*cursor, h.FirstEvent-1)
		}
		return events.Each(tx, eventKey(*cursor+1), func(_ []byte, ev Event) (bool, error) {
			if len(found) == batch {
				last = false
				return false, nil
			}
			*cursor = ev.Seq
			if operation == "" || ev.Operation == operation {
				found = append(found, ev)
			}
			return true, nil
		})
	})
	return found, last, err
}
