package state

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"go.etcd.io/bbolt"
)

// migration brings the file from one schema to the next.
type migration struct {
	what  string
	apply func(tx *bbolt.Tx) error
}

// migrations is the file's history: the n-th leads to schema n. One that was
// released is never changed; testdata has a file of each schema.
var migrations = []migration{
	{"an empty file", func(*bbolt.Tx) error { return nil }},
}

var (
	metaBucket = []byte("meta")
	schemaKey  = []byte("schema")
	programKey = []byte("program")
)

const program = "waddled"

// migrate runs what is missing, each step in a transaction of its own that
// also writes the number: killed in between, the next start goes on there.
func migrate(bolt *bbolt.DB, steps []migration, log *slog.Logger) error {
	for {
		done := false
		err := bolt.Update(func(tx *bbolt.Tx) error {
			from, err := schemaOrNone(tx)
			if err != nil {
				return err
			}
			if from >= len(steps) {
				done = true
				return nil
			}
			next := steps[from]
			log.Info("migrating the state file", "schema", from+1, "what", next.what)
			if err := next.apply(tx); err != nil {
				return fmt.Errorf("schema %d (%s): %w", from+1, next.what, err)
			}
			return writeSchema(tx, from+1)
		})
		if err != nil || done {
			return err
		}
	}
}

func writeSchema(tx *bbolt.Tx, version int) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if err := meta.Put(programKey, []byte(program)); err != nil {
		return err
	}
	return meta.Put(schemaKey, []byte(strconv.Itoa(version)))
}

// schemaOrNone is 0 for a file into which nothing was written yet.
func schemaOrNone(tx *bbolt.Tx) (int, error) {
	if tx.Bucket(metaBucket) == nil {
		return 0, nil
	}
	return schemaOf(tx)
}

func schemaOf(tx *bbolt.Tx) (int, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil || string(meta.Get(programKey)) != program {
		return 0, errors.New("it is a database of another program")
	}
	version, err := strconv.Atoi(string(meta.Get(schemaKey)))
	if err != nil || version < 1 {
		return 0, fmt.Errorf("its schema number %q is not one", meta.Get(schemaKey))
	}
	return version, nil
}
