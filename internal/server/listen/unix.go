package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
)

// Unix listens on a socket that root and the members of the group can connect
// to: mode 0660, or 0600 when there is no such group. A socket that a killed
// daemon left is replaced; one that still answers is an error.
func Unix(path, group string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, problem.New(problem.Unavailable, "stop the other waddled first: systemctl stop waddled",
			"cannot listen on %s: another process answers there", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	// The socket gets its name only when it has its owner and mode.
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	err = protect(fresh, group)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot listen on %s: %w", path, err), l.Close(), os.Remove(fresh))
	}
	mine, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot listen on %s: %w", path, err), l.Close())
	}
	return &unixListener{UnixListener: l, path: path, mine: mine}, nil
}

func protect(socket, group string) error {
	g, err := user.LookupGroup(group)
	if err != nil {
		return os.Chmod(socket, 0o600)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	if err := os.Chown(socket, 0, gid); err != nil {
		return err
	}
	return os.Chmod(socket, 0o660)
}

// unixListener removes its socket when it is closed, but only its own: a new
// daemon may have put another one in its place.
type unixListener struct {
	*net.UnixListener
	path string
	mine os.FileInfo
}

func (l *unixListener) Close() error {
	if there, err := os.Lstat(l.path); err == nil && os.SameFile(there, l.mine) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}
