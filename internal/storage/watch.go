package storage

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// EventTargets is the kind of kernel event that says that targets may have gone.
const EventTargets = "targets"

// Watch reports when somebody removed a target's folder from configfs, as
// targetcli does, until ctx has ended. Other changes inside a target make no
// such event; the reconciler's timer finds those. Where there is nothing to
// watch yet it waits for it.
func (s *Service) Watch(ctx context.Context) <-chan string {
	events := make(chan string)
	root := s.o.Machine.Configfs
	if root == "" {
		root = "/sys/kernel/config"
	}
	go func() {
		defer close(events)
		if s.o.Machine.FS != nil { // not a file system that the kernel knows
			<-ctx.Done()
			return
		}
		watchTargets(ctx, filepath.Join(root, "target", "iscsi"), watchAgain, events)
	}()
	return events
}

// watchAgain is how long after the folder was not there it is looked for again.
const watchAgain = 10 * time.Second

// watchTargets watches dir whenever it is there, until ctx has ended.
func watchTargets(ctx context.Context, dir string, again time.Duration, events chan<- string) {
	for ctx.Err() == nil {
		watchRemovals(ctx, dir, events)
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// watchRemovals sends an event for folders that go, and returns when dir itself
// has gone, also when another one has its place already: the watch went with it.
func watchRemovals(ctx context.Context, dir string, events chan<- string) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return
	}
	f := os.NewFile(uintptr(fd), "inotify")
	defer func() { _ = f.Close() }()
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_DELETE|unix.IN_DELETE_SELF|unix.IN_ONLYDIR); err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 64*(unix.SizeofInotifyEvent+unix.NAME_MAX+1))
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		select {
		case events <- EventTargets:
		case <-ctx.Done():
			return
		}
		if over(buf[:n]) {
			return
		}
	}
}

// over reports whether the last of the events is among them: IN_IGNORED, which
// the kernel sends when what was watched is gone (inotify(7)).
func over(events []byte) bool {
	for len(events) >= unix.SizeofInotifyEvent {
		mask, name := binary.NativeEndian.Uint32(events[4:]), binary.NativeEndian.Uint32(events[12:])
		if mask&unix.IN_IGNORED != 0 {
			return true
		}
		events = events[min(len(events), unix.SizeofInotifyEvent+int(name)):]
	}
	return false
}
