package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/waddle-social/waddle/internal/problem"
)

// lockTimeout is how long Open waits for another process to let go of the file.
const lockTimeout = 2 * time.Second

// Options are what Open may be given; the zero value is fit for production.
type Options struct {
	// Seam is called around every write with "journal:<op>:before" and, once it
	// is on the disk, "journal:<op>:after". An error makes the write fail, the
	// second one although it has happened: a test stops the world here.
	Seam func(op string) error
	// Log is told what Open did to the file. Nil discards.
	Log *slog.Logger
}

// DB is the open state file. It is safe for use by several goroutines.
type DB struct {
	bolt *bbolt.DB
	seam func(op string) error
	path string
}

// Open opens the state file, creates it when there is none, and brings an older
// schema up to date.
//
// A damaged, foreign or newer file gives problem.StateUnusable and is not
// touched; one that another process holds gives problem.Unavailable.
func Open(path string, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Seam == nil {
		o.Seam = func(string) error { return nil }
	}
	return open(path, o, migrations)
}

func open(path string, o Options, steps []migration) (*DB, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		o.Log.Info("creating the state file", "path", path)
		err = create(path, steps)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the state file %s: %w", path, err)
	}
	if err := inspect(path, len(steps)); err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("cannot make the state file %s private: %w", path, err)
	}
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if err != nil {
		return nil, openError(path, err)
	}
	if err := migrate(bolt, steps, o.Log); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot bring the state file %s up to date: %w", path, err), bolt.Close())
	}
	return &DB{bolt: bolt, seam: o.Seam, path: path}, nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return problem.Wrap(problem.Unavailable, err, "stop the other waddled first: systemctl stop waddled",
			"cannot open the state file %s: another process holds it", path)
	case errors.Is(err, fs.ErrPermission):
		return problem.Wrap(problem.HostUnsuitable, err, "run waddled as root", "cannot open the state file %s", path)
	}
	return unusable(path, err)
}

// Update runs fn in one transaction and returns when it is on the disk. An
// error of fn leaves the file as it was. op names the write for the seam.
func (db *DB) Update(op string, fn func(tx *bbolt.Tx) error) error {
	if err := db.seam("journal:" + op + ":before"); err != nil {
		return fmt.Errorf("cannot write %s to %s: %w", op, db.path, err)
	}
	if err := db.bolt.Update(fn); err != nil {
		return fmt.Errorf("cannot write %s to %s: %w", op, db.path, err)
	}
	if err := db.seam("journal:" + op + ":after"); err != nil {
		return fmt.Errorf("cannot go on after writing %s to %s: %w", op, db.path, err)
	}
	return nil
}

// View runs fn on a consistent picture of the file.
func (db *DB) View(fn func(tx *bbolt.Tx) error) error {
	if err := db.bolt.View(fn); err != nil {
		return fmt.Errorf("cannot read %s: %w", db.path, err)
	}
	return nil
}

// Snapshot writes a consistent copy of the file to w while others go on
// writing. The copy can be opened with Open. It returns the bytes written.
func (db *DB) Snapshot(w io.Writer) (int64, error) {
	var n int64
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		var err error
		n, err = tx.WriteTo(w)
		return err
	})
	if err != nil {
		return n, fmt.Errorf("cannot copy the state file %s: %w", db.path, err)
	}
	return n, nil
}

// Close waits for the open transactions and lets go of the file.
func (db *DB) Close() error {
	if err := db.bolt.Close(); err != nil {
		return fmt.Errorf("cannot close the state file %s: %w", db.path, err)
	}
	return nil
}
