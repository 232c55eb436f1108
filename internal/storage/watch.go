package storage

import (
	"context"
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
		for ctx.Err() == nil {
			watchRemovals(ctx, filepath.Join(root, "target", "iscsi"), events)
			select {
			case <-ctx.Done():
			case <-time.After(watchAgain):
			}
		}
	}()
	return events
}

// watchAgain is how long after the folder was not there it is looked for again.
const watchAgain = 10 * time.Second

// watchRemovals sends an event for each folder that goes, and returns when dir
// itself is not there.
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
		if _, err := f.Read(buf); err != nil {
			return
		}
		select {
		case events <- EventTargets:
		case <-ctx.Done():
			return
		}
		if _, err := os.Stat(dir); err != nil {
			return
		}
	}
}
