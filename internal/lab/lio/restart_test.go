package lio_test

import (
	"context"
	"path"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// busyZFS answers the first times that a backstore is enabled as a zvol does
// while ZFS's namespace is locked.
type busyZFS struct {
	iscsi.FS
	left *atomic.Int64
}

func (f busyZFS) WriteFile(file, text string) error {
	if path.Base(file) == "enable" && f.left.Add(-1) >= 0 {
		return syscall.Errno(512)
	}
	return f.FS.WriteFile(file, text)
}

func TestADeviceWhoseOpenWantsToBeRepeatedIsOpenedAgain(t *testing.T) {
	l := newLab(t, 1, lio.Options{})
	left := &atomic.Int64{}
	left.Store(3)
	c := l.client(t, func(o *iscsi.Options) { o.FS = busyZFS{o.FS, left} })
	want := l.target(t, c, "a", 0)
	if _, err := c.Ensure(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	if n := left.Load(); n >= 0 {
		t.Fatalf("it was to be repeated %d times more", n+1)
	}
	if changes, err := c.Look(context.Background(), want); err != nil || len(changes) > 0 {
		t.Fatalf("%v, %v", changes, err)
	}
}
