package lab

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// newNetns makes a network namespace and gives it a name under /run/netns, as
// `ip netns add` does. Killed before the bind mount it leaves an empty file.
func (s seam) newNetns(lab, node string) error {
	path := netnsPath(lab, node)
	return s.all([]step{
		{"create " + netnsRoot, func() error { return os.MkdirAll(netnsRoot, 0o755) }},
		{"create " + path, func() error {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
			if err != nil {
				return err
			}
			return f.Close()
		}},
		{"make the network namespace " + path, func() error { return bindNewNetns(path) }},
		{"prepare the network namespace " + path, func() error {
			return inNetns(path, func() error { return writeSysctls(everyNode) })
		}},
	})
}

func bindNewNetns(path string) error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
}

// removeNetns takes a name away. The namespace itself goes with its last process.
func removeNetns(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && err != unix.EINVAL && err != unix.ENOENT { // EINVAL: a file without a mount
		return fmt.Errorf("cannot unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// inNetns runs fn on a thread of its own in the network namespace at path.
func inNetns(path string, fn func() error) error {
	return onThread(func() error {
		if err := joinFile(path, unix.CLONE_NEWNET); err != nil {
			return err
		}
		return fn()
	})
}

func joinFile(path string, kind int) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open the namespace %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Setns(fd, kind); err != nil {
		return fmt.Errorf("cannot enter the namespace %s: %w", path, err)
	}
	return nil
}
