package confirm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// write replaces dir/name in one step and has file and directory on disk when
// it returns: a reader, and a host that loses power, sees the old or the new one.
func (f *Firewall) write(dir, name string, content []byte) (err error) {
	if err := f.seam("write:" + opName(name)); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp := filepath.Join(dir, "."+name+".new") // fixed: a killed write leaves nothing that the next one does not replace
	if err := fill(tmp, content); err != nil {
		return errors.Join(err, gone(os.Remove(tmp)))
	}
	if err := f.seam("rename:" + opName(name)); err != nil {
		return errors.Join(err, gone(os.Remove(tmp)))
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return errors.Join(err, gone(os.Remove(tmp)))
	}
	return syncDir(dir)
}

func fill(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Sync(); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}

// remove takes files away; those that are not there are no error.
func (f *Firewall) remove(dir string, names ...string) error {
	var errs []error
	for _, name := range names {
		if err := f.seam("unlink:" + opName(name)); err != nil {
			return err
		}
		errs = append(errs, gone(os.Remove(filepath.Join(dir, name))))
	}
	return errors.Join(append(errs, gone(syncDir(dir)))...)
}

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// opName is a file's name without the change's id, which differs every time.
func opName(name string) string {
	if change := changeFile.FindStringSubmatch(name); change != nil {
		return "rules-ID." + change[2]
	}
	return name
}
