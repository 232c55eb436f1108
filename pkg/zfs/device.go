package zfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Device returns the path of v's device link, e.g. /dev/zvol/rpool/k8s-csi/v/pvc-1.
func (c *Client) Device(v Volume) string { return filepath.Join(c.o.Dev, "zvol", v.full) }

// WaitDevice waits until v's device link leads somewhere and returns its path.
// udev makes the link some time after zfs has ended (openzfs#7875, #15904); the
// kernel tells us of each new entry, so nothing is polled. While there is none
// udev is asked again, after one, three, seven … seconds (see askAgain). After
// Options.DeviceWait the error is ErrNoDevice.
func (c *Client) WaitDevice(ctx context.Context, v Volume) (string, error) {
	if v.full == "" || v.root != c.o.Root.name {
		return "", fmt.Errorf("cannot wait for the device of volume %s: it is not below %s", quote(v.full), c.o.Root)
	}
	link := c.Device(v)
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.DeviceWait, errTooLate)
	defer cancel()
	if c.o.Sys != "" && !exists(link) {
		asked := make(chan struct{})
		asking, stop := context.WithCancel(ctx)
		go func() { defer close(asked); c.askAgain(asking, v, firstAgain) }()
		defer func() { stop(); <-asked }()
	}
	err := waitFor(ctx, link, c.o.Dev)
	if errors.Is(err, errTooLate) {
		return "", fmt.Errorf("cannot use volume %s: %w: %s within %s (is udev running, and is volmode not none?)", v, ErrNoDevice, link, c.o.DeviceWait)
	}
	if err != nil {
		return "", fmt.Errorf("cannot wait for the device of volume %s at %s: %w", v, link, err)
	}
	return link, nil
}

var errTooLate = errors.New("waited long enough")

// waitFor watches the deepest directory on the way to path that exists, and
// moves the watch down as directories appear. It does not go above stop.
func waitFor(ctx context.Context, path, stop string) error {
	if exists(path) {
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("inotify: %w (raise fs.inotify.max_user_instances)", err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	// A deadline in the past wakes the reader when ctx ends.
	defer context.AfterFunc(ctx, func() { _ = events.SetReadDeadline(time.Unix(1, 0)) })()

	buf := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		dir := deepest(filepath.Dir(path), stop)
		_, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE_SELF|unix.IN_ATTRIB|unix.IN_ONLYDIR)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("inotify watch of %s: %w", dir, err)
		}
		// Looked at only after the watch stands, or what appears in between
		// would be missed.
		if exists(path) {
			return nil
		}
		if err != nil && dir == stop {
			return fmt.Errorf("inotify watch of %s: %w", dir, err)
		}
		if err != nil || deepest(filepath.Dir(path), stop) != dir {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		if _, err := events.Read(buf); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("inotify read: %w", err)
		}
	}
}

func deepest(dir, stop string) string {
	for dir != stop && len(dir) > len(stop) && !exists(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
