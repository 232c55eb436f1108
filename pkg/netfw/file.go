package netfw

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FileState is a file as it was: for Undo.
type FileState struct {
	Path    string      `json:"path"` // on the host, without the driver's root
	Exists  bool        `json:"exists"`
	Content []byte      `json:"content,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	Dirs    []string    `json:"dirs,omitempty"` // parents that did not exist, outermost first
}

const (
	plainMode  fs.FileMode = 0o644
	secretMode fs.FileMode = 0o600
)

// read returns the content of the host's file path, and whether it exists.
func (d *Driver) read(path string) ([]byte, bool, error) {
	b, err := os.ReadFile(d.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return b, true, nil
}

func (d *Driver) captureFile(path string) (FileState, error) {
	s := FileState{Path: path}
	b, ok, err := d.read(path)
	if err != nil {
		return s, err
	}
	if !ok {
		s.Dirs = d.missingDirs(path)
		return s, nil
	}
	info, err := os.Stat(d.at(path))
	if err != nil {
		return s, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	s.Exists, s.Content, s.Mode = true, b, info.Mode().Perm()
	return s, nil
}

func (d *Driver) missingDirs(path string) []string {
	var missing []string
	for dir := filepath.Dir(path); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(d.at(dir)); err == nil {
			break
		}
		missing = append([]string{dir}, missing...)
	}
	return missing
}

// ensureFile writes path only where it says something else.
func (d *Driver) ensureFile(path string, content []byte, mode fs.FileMode) error {
	b, ok, err := d.read(path)
	if err != nil {
		return err
	}
	if ok && bytes.Equal(b, content) {
		return nil
	}
	return d.writeFile(path, content, mode)
}

// restoreFile puts back what captureFile saw, directories included.
func (d *Driver) restoreFile(s FileState) error {
	if s.Exists {
		return d.ensureFile(s.Path, s.Content, s.Mode)
	}
	if _, ok, err := d.read(s.Path); err != nil {
		return err
	} else if ok {
		if err := d.op("unlink:" + s.Path); err != nil {
			return err
		}
		if err := os.Remove(d.at(s.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove %s: %w", s.Path, err)
		}
		d.log.Info("file removed", "path", s.Path)
	}
	_ = os.Remove(tempName(d.at(s.Path))) // of a killed write
	for i := len(s.Dirs) - 1; i >= 0; i-- {
		if err := d.removeDir(s.Dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// removeDir removes an empty directory; one in which something lies stays.
func (d *Driver) removeDir(path string) error {
	if _, err := os.Stat(d.at(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.op("rmdir:" + path); err != nil {
		return err
	}
	err := os.Remove(d.at(path))
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) {
		return nil
	}
	return fmt.Errorf("cannot remove directory %s: %w", path, err)
}

// undoFile says what restoreFile would change.
func (d *Driver) undoFile(s FileState) ([]Difference, error) {
	b, ok, err := d.read(s.Path)
	if err != nil {
		return nil, err
	}
	x := Difference{Object: "file " + s.Path, Is: string(b), Want: string(s.Content)}
	switch {
	case ok && !s.Exists:
		x.Kind = Remove
	case !ok && s.Exists:
		x.Kind = Create
	case ok && !bytes.Equal(b, s.Content):
		x.Kind = Change
	default:
		return nil, nil
	}
	return []Difference{x}, nil
}

const adoptedDir = "/var/lib/waddle/adopted"

// keepCopy keeps the bytes of a file of the operator's before lines are taken
// out of it. A copy that exists is the older one and stays.
func (d *Driver) keepCopy(path string, content []byte) error {
	copyPath := adoptedDir + path
	_, ok, err := d.read(copyPath)
	if err != nil || ok {
		return err
	}
	return d.writeFile(copyPath, content, secretMode)
}

func (d *Driver) isDir(path string) bool {
	info, err := os.Stat(d.at(path))
	return err == nil && info.IsDir()
}
