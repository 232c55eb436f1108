package platformfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// Values of Write's ifMatch beside a revision.
const (
	Absent = ""  // only when there is no document yet
	Any    = "*" // whatever document there is, but there has to be one
)

// Mode is the document's mode: its group may read it, others may not.
const Mode fs.FileMode = 0o640

// Write replaces the document when its revision is ifMatch, and returns the new
// revision. The new document is valid, whole and on the disk before it becomes
// visible; the former one stays beside it as .previous. Of several writers with
// one ifMatch exactly one wins. The error is a problem: InvalidPlatform,
// PreconditionNeeded, PreconditionFailed or HostUnsuitable.
func (s *Store) Write(data []byte, ifMatch string) (revision string, err error) {
	if _, err := platform.Parse(s.Path, data); err != nil {
		return "", err
	}
	path, err := target(s.Path)
	if err != nil {
		return "", s.unwritable(err)
	}
	unlock, err := lock(path)
	if err != nil {
		return "", s.unwritable(err)
	}
	defer unlock()
	current, _, err := readRegular(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", s.unwritable(err)
	}
	if err := s.permits(current, err == nil, ifMatch); err != nil {
		return "", err
	}
	if current != nil && bytes.Equal(current, data) {
		return platform.Revision(data), nil
	}
	if err := s.replace(path, current, data); err != nil {
		return "", s.unwritable(err)
	}
	return platform.Revision(data), nil
}

// target follows a symbolic link, so that the link stays and what it names is replaced.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, dangling := os.Readlink(path); dangling == nil {
			return "", fmt.Errorf("it is a symbolic link to a file that does not exist: %w", err)
		}
		return path, nil
	}
	return real, err
}

// permits holds the caller's expectation against what is there.
func (s *Store) permits(current []byte, there bool, ifMatch string) error {
	revision := platform.Revision(current)
	switch {
	case !there && ifMatch == Absent, there && (ifMatch == Any || ifMatch == revision):
		return nil
	case !there:
		return problem.New(problem.PreconditionFailed, "write it as a new document, without If-Match",
			"cannot replace the platform document %s: there is none", s.Path)
	case ifMatch == Absent:
		return problem.New(problem.PreconditionNeeded, "read the document first and send its revision as If-Match",
			"cannot write the platform document %s: it exists already, with the revision %s", s.Path, revision)
	}
	return problem.New(problem.PreconditionFailed, "read the document again, apply your change to it and send the new revision",
		"cannot replace the platform document %s: it has the revision %s, not %s", s.Path, revision, ifMatch)
}

// replace keeps what was there and then puts the new document in its place.
func (s *Store) replace(path string, current, data []byte) error {
	sweep(path)
	if current != nil {
		if err := s.put(path+".previous", current, "previous", path); err != nil {
			return fmt.Errorf("keep the former document: %w", err)
		}
	}
	return s.put(path, data, "document", path)
}

// put writes a file so that after a crash it is either the old or the new one.
// Its owner is that of like, where that exists.
func (s *Store) put(path string, data []byte, name, like string) error {
	if err := s.effect("write " + name); err != nil {
		return err
	}
	t, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(Mode))
	if err != nil {
		return err
	}
	defer func() { _ = t.Cleanup() }()
	if err := sameOwner(t.File, like); err != nil {
		return err
	}
	if _, err := t.Write(data); err != nil {
		return err
	}
	if err := s.effect("rename " + name); err != nil {
		return err
	}
	if err := t.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (s *Store) effect(operation string) error {
	if s.seam == nil {
		return nil
	}
	return s.seam(operation)
}

func (s *Store) unwritable(err error) error {
	return problem.Wrap(problem.HostUnsuitable, err, "look at the space, the mount options and the owner of "+filepath.Dir(s.Path),
		"cannot write the platform document %s", s.Path)
}
