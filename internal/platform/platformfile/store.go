package platformfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// Store is the document at Path. It is safe for concurrent use, also by several
// processes.
type Store struct {
	Path string

	mu     sync.Mutex
	cached *snapshot
	// seam is called before each side effect with its name; an error from it
	// stands for the failure of the effect. Nil outside tests.
	seam func(operation string) error
}

// snapshot is one state of the file. It is never changed once made.
type snapshot struct {
	identity identity
	data     []byte
	platform *platform.Platform
	revision string
	err      error
}

// Read returns the document's bytes, the platform that they mean and their
// revision. Without a file the error is a problem with the code NoPlatform. A
// file that is not valid gives its bytes and revision and an InvalidPlatform, so
// that it can be shown and replaced. A file that has not changed costs one stat.
func (s *Store) Read() ([]byte, *platform.Platform, string, error) {
	snap, err := s.look()
	if err != nil {
		return nil, nil, "", err
	}
	data := append([]byte(nil), snap.data...)
	if snap.err != nil {
		return data, nil, snap.revision, snap.err
	}
	return data, snap.platform.Clone(), snap.revision, nil
}

func (s *Store) look() (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.Path)
	if err != nil {
		s.cached = nil
		return nil, s.unreadable(err)
	}
	if s.cached != nil && s.cached.identity == identify(info) {
		return s.cached, nil
	}
	snap, err := s.load()
	if err != nil {
		return nil, err
	}
	s.cached = nil
	if snap.identity.settled(time.Now()) {
		s.cached = snap
	}
	return snap, nil
}

// load reads the file and parses it.
func (s *Store) load() (*snapshot, error) {
	data, id, err := readRegular(s.Path)
	if err != nil {
		return nil, s.unreadable(err)
	}
	snap := &snapshot{identity: id, data: data, revision: platform.Revision(data)}
	snap.platform, snap.err = platform.Parse(s.Path, data)
	return snap, nil
}

var errNotRegular = errors.New("it is not a regular file")

// readRegular reads one byte more than a document may have, so that Parse can refuse it.
func readRegular(path string) ([]byte, identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, identity{}, err
	}
	if !info.Mode().IsRegular() { // a FIFO would block
		return nil, identity{}, errNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, identity{}, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, identity{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, platform.MaxBytes+1))
	return data, identify(info), err
}

func (s *Store) unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &problem.Error{Code: problem.NoPlatform, Err: err,
			Detail: fmt.Sprintf("there is no platform document at %s", s.Path),
			Hint:   "make one with: waddle init"}
	}
	return problem.Wrap(problem.HostUnsuitable, err, "make "+s.Path+" a regular file that root can read",
		"cannot read the platform document %s", s.Path)
}
