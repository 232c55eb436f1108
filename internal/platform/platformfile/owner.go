package platformfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// sameOwner gives f the owner and group of the file at path, so that a group
// that may read the document keeps it.
func sameOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, is := info.Sys().(*syscall.Stat_t)
	if !is || int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid() {
		return nil
	}
	return f.Chown(int(st.Uid), int(st.Gid))
}

// syncDir makes a rename in dir outlive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// sweep removes temporary files that a killed writer has left. The caller holds
// the lock, so none of them is in use. One that stays does no harm.
func sweep(path string) {
	for _, base := range []string{path, path + ".previous"} {
		prefix := filepath.Join(filepath.Dir(base), "."+filepath.Base(base))
		left, err := filepath.Glob(escape(prefix) + "[0-9]*")
		if err != nil {
			continue
		}
		for _, name := range left {
			_ = os.Remove(name)
		}
	}
}

// escape makes a path a pattern that matches only itself.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
