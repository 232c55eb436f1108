package state

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// create makes a whole, current file under another name and only then gives it
// its own: a kill in between leaves no half-written state behind.
func create(path string, steps []migration) (err error) {
	dir := filepath.Dir(path)
	removeLeftovers(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := initialise(tmp.Name(), steps); err != nil {
		return err
	}
	// link, unlike rename, never replaces a file that another process made meanwhile.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func initialise(path string, steps []migration) error {
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if err != nil {
		return err
	}
	return errors.Join(migrate(bolt, steps, slog.New(slog.DiscardHandler)), bolt.Close())
}

// removeLeftovers takes away what a daemon killed inside create left.
func removeLeftovers(path string) {
	left, err := filepath.Glob(path + ".new-*")
	if err != nil {
		return
	}
	for _, f := range left {
		_ = os.Remove(f)
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
