package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// lookModes finds what StrictModes of sshd refuses (sshd_config(5)): a file, or
// a directory on the way to it, that somebody other than root owns or may write.
// sshd follows links first, and looks as far as root's home where the file is
// below it, otherwise as far as the root directory.
func (d *Driver) lookModes(f *Finding, plan *keysPlan) error {
	path := plan.is.Path
	if bad := loose(plan.is); plan.is.Exists && bad != "" {
		x := Difference{Kind: Change, Object: "file " + path, Is: bad, Want: plan.file.modeText(), Note: "sshd ignores keys that others could change (StrictModes)"}
		if onPmxcfs(path) {
			x.Kind, x.Note = Conflict, "sshd ignores it (StrictModes) and pmxcfs allows no chmod: is /etc/pve mounted?"
		}
		f.add(x)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		is, err := d.lookDir(dir)
		if err != nil {
			return err
		}
		if bad := loose(is); is.Exists && bad != "" {
			d.looseDir(f, plan, is, bad)
		}
		if dir == rootHome || dir == "/" {
			return nil
		}
	}
}

func (d *Driver) looseDir(f *Finding, plan *keysPlan, is FileState, bad string) {
	x := Difference{Kind: Conflict, Object: "directory " + is.Path, Is: bad, Want: "root's, writable by root alone",
		Note: fmt.Sprintf("sshd ignores the keys below it (StrictModes): chown root %[1]s && chmod go-w %[1]s", is.Path)}
	if is.Path == sshDir {
		want := is
		want.Mode, want.UID = is.Mode&^0o022, 0
		x.Kind, x.Want, x.Note = Change, want.modeText(), "sshd ignores keys that others could change (StrictModes)"
		plan.modes = append(plan.modes, want)
	}
	f.add(x)
}

// loose says what sshd dislikes about an owner and mode, "" when nothing.
func loose(s FileState) string {
	if s.UID != 0 || s.Mode&0o022 != 0 {
		return s.modeText()
	}
	return ""
}

func (s FileState) modeText() string { return fmt.Sprintf("owner %d, mode %04o", s.UID, s.Mode) }

func (d *Driver) lookDir(path string) (FileState, error) {
	s := FileState{Path: path}
	info, err := os.Stat(d.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	s.Exists, s.Mode = true, info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = int(st.Uid), int(st.Gid)
	}
	return s, nil
}

// setDir gives a directory the owner and mode of s.
func (d *Driver) setDir(s FileState) error {
	if err := d.op("chmod:" + s.Path); err != nil {
		return err
	}
	if err := os.Chown(d.at(s.Path), s.UID, s.GID); err != nil {
		return fmt.Errorf("cannot change the owner of %s: %w", s.Path, err)
	}
	if err := os.Chmod(d.at(s.Path), s.Mode); err != nil {
		return fmt.Errorf("cannot change the mode of %s: %w", s.Path, err)
	}
	return nil
}
