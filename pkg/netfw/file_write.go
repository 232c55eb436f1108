package netfw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// writeFile replaces the host's file path by content in one step: a reader, and
// a host that loses power, sees the old file or the new one. The name beside
// the file is fixed, so that a killed write leaves nothing that the next one
// does not take away. An existing file keeps its mode and owner.
func (d *Driver) writeFile(path string, content []byte, mode fs.FileMode) error {
	if err := d.op("file:" + path); err != nil {
		return err
	}
	target, err := d.resolve(path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := d.replace(target, content, mode); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	d.log.Info("file written", "path", path, "bytes", len(content))
	return nil
}

// resolve follows a symbolic link, so that the link itself stays. A link that
// leaves the driver's root is refused.
func (d *Driver) resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(d.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return d.at(path), nil
	}
	if err != nil {
		return "", err
	}
	root, err := filepath.EvalSymlinks(d.root)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(root, real); err != nil || strings.HasPrefix(rel, "..") {
		return "", fmt.Errorf("it is a link out of %s to %s", d.root, real)
	}
	return real, nil
}

func (d *Driver) replace(target string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp := tempName(target)
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, secretMode)
	if err != nil {
		return err
	}
	defer os.Remove(tmp) // gone already when all went well
	if err := fill(f, target, content, mode); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, target); err != nil {
		return err
	}
	return syncDir(dir)
}

// tempName is hidden and has no suffix that the readers of interfaces.d and
// sysctl.d look for.
func tempName(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".waddle-new")
}

func fill(f *os.File, target string, content []byte, mode fs.FileMode) error {
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
