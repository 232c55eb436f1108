package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// KeysBefore is what was there before the first ApplyKeys.
type KeysBefore struct {
	File FileState `json:"file"`
	Dir  FileState `json:"dir"`
}

// CaptureKeys records what is there, for UndoKeys.
func (d *Driver) CaptureKeys(context.Context) (b KeysBefore, err error) {
	path, err := d.resolve(keysPath)
	if err != nil {
		return b, err
	}
	if b.File, err = d.look(path); err != nil {
		return b, err
	}
	b.Dir, err = d.lookDir(sshDir)
	return b, err
}

// undone is the file as UndoKeys leaves it: our block as it was, lines that
// others have added since kept. While passwords are off it is a *ConflictError
// to take the last key away.
func (d *Driver) undone(b KeysBefore) (is, want FileState, err error) {
	if is, err = d.look(b.File.Path); err != nil {
		return is, want, err
	}
	now, then := parseKeysFile(is.Content), parseKeysFile(b.File.Content)
	if now.broken != "" {
		return is, want, &ConflictError{[]Difference{{Kind: Conflict, Object: "file " + is.Path, Is: now.broken, Note: "put the marks right, then undo again"}}}
	}
	want = b.File
	if !is.Exists {
		return is, want, nil
	}
	left := now.with(then.ours)
	if !sameText(left, b.File.Content) {
		want.Content, want.Exists = left, true
		if !b.File.Exists {
			want.Exists, want.Mode, want.UID, want.GID = len(left) > 0, is.Mode, is.UID, is.GID
		}
	}
	return is, want, d.lastKey(is, want)
}

// lastKey refuses to leave root without a key while we keep passwords off.
func (d *Driver) lastKey(is, want FileState) error {
	dropIn, err := d.look(sshdDropIn)
	if err != nil || string(dropIn.Content) != string(dropInText()) || is.same(want) || want.Exists && opens(parseKeysFile(want.Content)) {
		return err
	}
	return &ConflictError{[]Difference{{Kind: Conflict, Object: "file " + is.Path, Is: "the only keys that log in", Note: "SSH passwords are off, so nobody could log in any more: put the passwords back first"}}}
}

// opens reports whether a key of the file logs in from anywhere.
func opens(f keysFile) bool {
	return slices.ContainsFunc(append(slices.Clone(f.ours), f.foreign...), func(k key) bool { return k.hinders(time.Now()) == "" })
}

// sameText forgives the newline that a block needed before it.
func sameText(a, b []byte) bool {
	return string(a) == string(b) || string(a) == string(b)+"\n"
}

// ShowUndoKeys says what UndoKeys would change.
func (d *Driver) ShowUndoKeys(_ context.Context, b KeysBefore) ([]Difference, error) {
	is, want, err := d.undone(b)
	var conflict *ConflictError
	if errors.As(err, &conflict) {
		return conflict.Differences, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Difference
	if !is.same(want) {
		out = append(out, changing(is, want))
	}
	dir, err := d.lookDir(sshDir)
	if err != nil {
		return nil, err
	}
	if !b.Dir.Exists && d.empty(sshDir) {
		out = append(out, Difference{Kind: Remove, Object: "directory " + sshDir, Is: "empty"})
	}
	if b.Dir.Exists && dir.Exists && !dir.equal(b.Dir) {
		out = append(out, Difference{Kind: Change, Object: "directory " + sshDir, Is: dir.modeText(), Want: b.Dir.modeText()})
	}
	return out, nil
}

// UndoKeys puts back what CaptureKeys saw. Keys that others have added since stay.
func (d *Driver) UndoKeys(_ context.Context, b KeysBefore) error {
	d.write.Lock()
	defer d.write.Unlock()
	is, want, err := d.undone(b)
	if err != nil {
		return err
	}
	if !is.same(want) {
		if err := d.restore(want); err != nil {
			return err
		}
	}
	return d.undoDir(b.Dir)
}

func (d *Driver) empty(path string) bool {
	entries, err := os.ReadDir(d.at(path))
	return err == nil && len(entries) == 0
}

// equal compares directories.
func (s FileState) equal(o FileState) bool {
	return s.Mode == o.Mode && s.UID == o.UID && s.GID == o.GID
}

func (d *Driver) undoDir(b FileState) error {
	is, err := d.lookDir(sshDir)
	if err != nil || !is.Exists {
		return err
	}
	if b.Exists {
		if is.equal(b) {
			return nil
		}
		return d.setDir(b)
	}
	if !d.empty(sshDir) {
		return nil
	}
	if err := d.op("rmdir:" + sshDir); err != nil {
		return err
	}
	if err := os.Remove(d.at(sshDir)); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		return fmt.Errorf("cannot remove directory %s: %w", sshDir, err)
	}
	return nil
}
