package state

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/waddle-social/waddle/internal/problem"
)

const restoreHint = "keep this file, move it away, and put a backup in its place; without a backup start with none: " +
	"waddled looks at the host again, but has forgotten its tokens, acknowledgements and what an undo would put back"

// unusable is the answer for a file that is not to be written to.
func unusable(path string, err error) error {
	return problem.Wrap(problem.StateUnusable, err, restoreHint, "cannot use the state file %s, nothing was changed", path)
}

// inspect reads the whole file without write access, so that opening it for
// writing cannot make a damaged or foreign one worse.
func inspect(path string, current int) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cannot look at the state file %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return unusable(path, errors.New("it is no regular file"))
	}
	if info.Size() == 0 {
		return unusable(path, errors.New("it is empty"))
	}
	version, err := readAll(path, info.Size())
	switch {
	case err != nil && (errors.Is(err, bolterrors.ErrTimeout) || errors.Is(err, os.ErrPermission)):
		return openError(path, err)
	case err != nil:
		return unusable(path, err)
	case version > current:
		return problem.New(problem.StateUnusable, "install the waddled that wrote it, or a later one",
			"cannot use the state file %s, nothing was changed: it has schema %d, this waddled knows up to %d", path, version, current)
	}
	return nil
}

// readAll visits every page and returns the schema version. A page that lies
// outside the file faults in the memory map; here that is an error, not the end.
func readAll(path string, size int64) (version int, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, bolt.Close()) }()
	err = bolt.View(func(tx *bbolt.Tx) error {
		if tx.Size() > size {
			return fmt.Errorf("it is cut off: %d bytes of %d", size, tx.Size())
		}
		if err := walk(tx); err != nil {
			return err
		}
		version, err = schemaOf(tx)
		return err
	})
	return version, err
}

// walk reads every key and value, then lets bbolt compare its page lists.
func walk(tx *bbolt.Tx) error {
	read := 0
	err := tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			for _, c := range k {
				read += int(c)
			}
			for _, c := range v {
				read += int(c)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	var found error
	for e := range tx.Check() {
		if found == nil {
			found = fmt.Errorf("it is damaged: %w", e)
		}
	}
	return found
}
