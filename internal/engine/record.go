package engine

import (
	"encoding/json"
	"time"

	"go.etcd.io/bbolt"
)

// record is what outlives operations of one step.
type record struct {
	Before   json.RawMessage `json:"before,omitempty"` // Capture's answer
	Captured *time.Time      `json:"captured,omitempty"`
	Applied  *applied        `json:"applied,omitempty"`
}

// applied says that the step was seen done by an operation.
type applied struct {
	Revision  string    `json:"revision"`
	Operation string    `json:"operation"`
	At        time.Time `json:"at"`
}

// record changes what is kept of a step; one that is empty afterwards goes.
func (c *change) record(step string, fn func(r *record)) error {
	r, _, err := records.Get(c.tx, []byte(step))
	if err != nil {
		return err
	}
	fn(&r)
	if r.Captured == nil && r.Applied == nil {
		return records.Delete(c.tx, []byte(step))
	}
	return records.Put(c.tx, []byte(step), r)
}

func (j *journal) readRecord(step string) (r record, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		r, _, err = records.Get(tx, []byte(step))
		return err
	})
	return r, err
}

func (j *journal) readRecords() (map[string]record, error) {
	all := map[string]record{}
	err := j.db.View(func(tx *bbolt.Tx) error {
		return records.Each(tx, nil, func(k []byte, r record) (bool, error) {
			all[string(k)] = r
			return true, nil
		})
	})
	return all, err
}
