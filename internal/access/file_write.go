package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/google/renameio/v2"
)

// put makes the file as s says, content, mode and owner in one step: a reader,
// and a host that loses power, sees the old file or the new one.
func (d *Driver) put(s FileState) error {
	if err := d.op("file:" + s.Path); err != nil {
		return err
	}
	if err := d.replace(s); err != nil {
		return fmt.Errorf("cannot write %s: %w%s", s.Path, err, quorum(s.Path))
	}
	d.log.Info("file written", "path", s.Path, "bytes", len(s.Content))
	return nil
}

// quorum is the usual reason why nothing can be written below /etc/pve.
func quorum(path string) string {
	if onPmxcfs(path) {
		return "; /etc/pve takes writes only while pve-cluster runs and the cluster has a quorum: see pvecm status"
	}
	return ""
}

func (d *Driver) replace(s FileState) error {
	target := d.at(s.Path)
	sweep(target)
	// On pmxcfs the mode of a new file is what chmod would be allowed to set.
	f, err := renameio.NewPendingFile(target, renameio.WithTempDir(filepath.Dir(target)), renameio.WithPermissions(s.Mode))
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }() // does nothing when all went well
	if !onPmxcfs(s.Path) {
		if err := f.Chown(s.UID, s.GID); err != nil {
			return err
		}
		if err := f.Chmod(s.Mode); err != nil {
			return err
		}
	}
	if _, err := f.Write(s.Content); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(target))
}

// sweep takes away what a killed write has left beside target.
func sweep(target string) {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+"*"))
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta("."+filepath.Base(target)) + "[0-9]+$") // as renameio names them
	for _, path := range left {
		if pattern.MatchString(filepath.Base(path)) {
			_ = os.Remove(path)
		}
	}
}

// syncDir makes a rename or a removal outlast a loss of power. A file system
// that cannot do it (FUSE) keeps its own promises.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOSYS) {
		return err
	}
	return nil
}

// remove takes the host's file path away.
func (d *Driver) remove(path string) error {
	sweep(d.at(path))
	if _, err := os.Lstat(d.at(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.op("unlink:" + path); err != nil {
		return err
	}
	if err := os.Remove(d.at(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s: %w%s", path, err, quorum(path))
	}
	d.log.Info("file removed", "path", path)
	return syncDir(filepath.Dir(d.at(path)))
}

// mkdir makes one directory of the host where it is missing.
func (d *Driver) mkdir(path string, mode fs.FileMode) error {
	if info, err := os.Stat(d.at(path)); err == nil && info.IsDir() {
		return nil
	}
	if err := d.op("mkdir:" + path); err != nil {
		return err
	}
	if err := os.MkdirAll(d.at(path), mode); err != nil {
		return fmt.Errorf("cannot make directory %s: %w", path, err)
	}
	return nil
}

// restore makes the file what it was.
func (d *Driver) restore(s FileState) error {
	if !s.Exists {
		return d.remove(s.Path)
	}
	now, err := d.look(s.Path)
	if err != nil || now.same(s) {
		return err
	}
	return d.put(s)
}

func (s FileState) same(o FileState) bool {
	return s.Exists == o.Exists && string(s.Content) == string(o.Content) &&
		(onPmxcfs(s.Path) || s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID)
}
