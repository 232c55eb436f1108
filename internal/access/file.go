package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FileState is a file as it was: for Undo.
type FileState struct {
	Path    string      `json:"path"` // on the host, links followed
	Exists  bool        `json:"exists"`
	Content []byte      `json:"content,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid,omitempty"`
	GID     int         `json:"gid,omitempty"`
}

// pmxcfs is where Proxmox VE mounts its cluster file system. It has no modes
// and owners of its own: chmod and chown fail there, rename does not.
const pmxcfs = "/etc/pve/"

func onPmxcfs(path string) bool { return strings.HasPrefix(path, pmxcfs) }

// look returns the host's file path as it is. A file that is not there is no error.
func (d *Driver) look(path string) (FileState, error) {
	s := FileState{Path: path}
	b, err := os.ReadFile(d.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("cannot read %s: %w", path, err)
	}
	info, err := os.Stat(d.at(path))
	if err != nil {
		return s, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	s.Exists, s.Content, s.Mode = true, b, info.Mode().Perm()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.UID, s.GID = int(st.Uid), int(st.Gid)
	}
	return s, nil
}

// resolve follows the links of the host's path, of which an absolute one starts
// at the driver's root.
func (d *Driver) resolve(path string) (string, error) {
	for range 8 {
		target, err := os.Readlink(d.at(path))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EINVAL) { // nothing there, or no link
			return path, nil
		}
		if err != nil {
			return "", fmt.Errorf("cannot look at %s: %w", path, err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = filepath.Clean(target)
	}
	return "", fmt.Errorf("cannot follow the links of %s: there are more than 8", path)
}

// changing is the difference between a file and what it should be.
func changing(is, want FileState) Difference {
	x := Difference{Kind: Change, Object: "file " + is.Path, Is: string(is.Content), Want: string(want.Content)}
	switch {
	case !want.Exists:
		x.Kind, x.Want = Remove, ""
	case !is.Exists:
		x.Kind = Create
	case x.Is == x.Want:
		x.Is, x.Want = is.modeText(), want.modeText()
	}
	return x
}
