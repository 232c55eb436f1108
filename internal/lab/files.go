package lab

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadFile reads a file as the node sees it; path is absolute.
func (n *Node) ReadFile(path string) ([]byte, error) {
	f, err := n.open(path, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// WriteFile writes a file as the node sees it, over what is there; its directory has
// to exist. On a node without files of its own it refuses: they are the machine's.
func (n *Node) WriteFile(path string, data []byte, perm os.FileMode) error {
	if n.root == "" {
		return fmt.Errorf("cannot write %s on %s: this node has the machine's own files", path, n.Name)
	}
	f, err := n.open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// open opens path from inside the node's network, whose values /proc/sys/net shows.
func (n *Node) open(path string, flags int, perm os.FileMode) (f *os.File, err error) {
	err = inNetns(n.netns, func() (err error) {
		f, err = n.openInRoot(path, flags, perm)
		return err
	})
	return f, err
}

// openInRoot resolves path within the node's root: an absolute symbolic link in there
// must not lead to the machine's file of that name.
func (n *Node) openInRoot(path string, flags int, perm os.FileMode) (*os.File, error) {
	root, err := unix.Open(n.Root(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s of %s: %w", path, n.Name, err)
	}
	defer func() { _ = unix.Close(root) }()
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT}
	if flags&unix.O_CREAT != 0 {
		how.Mode = uint64(perm.Perm())
	}
	fd, err := unix.Openat2(root, strings.TrimPrefix(path, "/"), &how)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: n.Name + ":" + path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Root returns where the node's / is seen from the machine.
func (n *Node) Root() string {
	if n.root == "" {
		return "/"
	}
	return n.root
}
