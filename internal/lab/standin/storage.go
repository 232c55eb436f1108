package standin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/internal/storage"
)

// Dir is where the stand-ins are kept, in the view of the lab's host.
const Dir = "/run/.lab/storage"

// poolSize is that of the plan's host, about.
const poolSize = 1 << 40

// Storage opens the stand-ins in dir, making them when they are not there.
func Storage(dir string) (storage.Machine, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return storage.Machine{}, fmt.Errorf("cannot make stand-in storage: %w", err)
	}
	tree, err := lio.Open(lio.Options{Journal: filepath.Join(dir, "configfs.journal")})
	if err != nil {
		return storage.Machine{}, err
	}
	pool, err := zfs.Open(zfs.Options{
		Dir: filepath.Join(dir, "pool"), Dev: filepath.Join(dir, "dev"), Size: poolSize,
		LinkDelay: 5 * time.Millisecond, Busy: tree.Busy,
	})
	if err != nil {
		return storage.Machine{}, errors.Join(err, tree.Close())
	}
	return storage.Machine{ZFS: pool, Pool: pool.Zpool, Dev: filepath.Join(dir, "dev"), FS: tree, Kernel: tree}, nil
}

// Describe shows what is kept in dir as sorted text, while a daemon may be using
// it: it looks at a copy. What is not there yet is an empty text.
func Describe(dir string) (string, error) {
	text, err := describe(dir)
	if err != nil {
		return "", fmt.Errorf("cannot look at stand-in storage in %s: %w", dir, err)
	}
	return text, nil
}

func describe(dir string) (string, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	scratch, err := os.MkdirTemp("", "standin")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	records := filepath.Join("pool", "datasets")
	if err := os.CopyFS(filepath.Join(scratch, records), os.DirFS(filepath.Join(dir, records))); err != nil {
		return "", err
	}
	pool, err := zfs.Open(zfs.Options{Dir: filepath.Join(scratch, "pool"), Dev: filepath.Join(scratch, "dev"), Size: poolSize})
	if err != nil {
		return "", err
	}
	defer pool.Close()
	journal, err := os.ReadFile(filepath.Join(dir, "configfs.journal"))
	if err != nil {
		return "", err
	}
	copied := filepath.Join(scratch, "configfs.journal")
	if err := os.WriteFile(copied, journal, 0o600); err != nil {
		return "", err
	}
	tree, err := lio.Open(lio.Options{Journal: copied, Device: func(path string) (string, error) { return path, nil }})
	if err != nil {
		return "", err
	}
	return pool.String() + tree.String(), tree.Close()
}
