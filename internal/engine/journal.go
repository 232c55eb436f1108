package engine

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/state"
)

// The engine's part of the state file.
const (
	operations       state.Bucket[header]          = "operations"       // by id
	operationSteps   state.Bucket[OperationStep]   = "operation_steps"  // by id/number
	events           state.Bucket[Event]           = "events"           // by Seq, big endian
	records          state.Bucket[record]          = "steps"            // by step
	acknowledgements state.Bucket[Acknowledgement] = "acknowledgements" // by step
)

// header is an operation without its steps, which have keys of their own so
// that a step's change is a small write.
type header struct {
	Operation
	FirstEvent uint64 `json:"firstEvent"`
	LastEvent  uint64 `json:"lastEvent,omitempty"` // once it is final
}

// journal writes changes together with the events that tell of them.
type journal struct {
	db   *state.DB
	mu   sync.Mutex
	news chan struct{} // closed at the next write that holds an event
}

// change is one transaction of the journal.
type change struct {
	tx  *bbolt.Tx
	now time.Time
}

func newJournal(db *state.DB) *journal {
	return &journal{db: db, news: make(chan struct{})}
}

// write commits what fn changes and then wakes those who follow the events.
func (j *journal) write(op string, fn func(c *change) error) error {
	err := j.db.Update(op, func(tx *bbolt.Tx) error {
		return fn(&change{tx: tx, now: time.Now().UTC()})
	})
	j.wake()
	return err
}

func (j *journal) wake() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.news)
	j.news = make(chan struct{})
}

// next is closed at the next write. Ask before reading.
func (j *journal) next() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.news
}

// event appends e; Seq and, unless it is set, Time are filled in.
func (c *change) event(e Event) (uint64, error) {
	seq, err := events.Next(c.tx)
	if err != nil {
		return 0, err
	}
	e.Seq = seq
	if e.Time.IsZero() {
		e.Time = c.now
	}
	return seq, events.Put(c.tx, eventKey(seq), e)
}

func (c *change) events(list ...Event) error {
	for _, e := range list {
		if _, err := c.event(e); err != nil {
			return err
		}
	}
	return nil
}

// header changes an operation's header.
func (c *change) header(id string, fn func(h *header)) error {
	h, found, err := operations.Get(c.tx, []byte(id))
	if err != nil {
		return err
	}
	if !found {
		return noOperation(id)
	}
	fn(&h)
	return operations.Put(c.tx, []byte(id), h)
}

func (c *change) step(id string, n int, s OperationStep) error {
	return operationSteps.Put(c.tx, stepKey(id, n), s)
}

// readOperation returns the operation with its steps, or a NotFound problem.
func readOperation(tx *bbolt.Tx, id string) (*Operation, error) {
	h, found, err := operations.Get(tx, []byte(id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noOperation(id)
	}
	return withSteps(tx, h)
}

func withSteps(tx *bbolt.Tx, h header) (*Operation, error) {
	op := h.Operation
	op.Steps = []OperationStep{}
	prefix := op.ID + "/"
	err := operationSteps.Each(tx, []byte(prefix), func(k []byte, s OperationStep) (bool, error) {
		if !strings.HasPrefix(string(k), prefix) {
			return false, nil
		}
		op.Steps = append(op.Steps, s)
		return true, nil
	})
	return &op, err
}

func eventKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func stepKey(id string, n int) []byte { return fmt.Appendf(nil, "%s/%05d", id, n) }
