package lio_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// narrowZFS opens a zvol slowly and counts how many were to be opened at once.
type narrowZFS struct {
	iscsi.FS
	now, most *atomic.Int64
}

func (f narrowZFS) WriteFile(file, text string) error {
	if path.Base(file) == "enable" && strings.Contains(file, "/core/") {
		defer f.now.Add(-1)
		f.most.Store(max(f.most.Load(), f.now.Add(1)))
		time.Sleep(5 * time.Millisecond)
	}
	return f.FS.WriteFile(file, text)
}

// several are targets of the volumes pvc-0, pvc-1 …
func (l *lab) several(t *testing.T, c *iscsi.Client, n int) (all []iscsi.Target) {
	t.Helper()
	for i := range n {
		all = append(all, l.target(t, c, fmt.Sprintf("pvc-%d", i), i))
	}
	return all
}

func TestARestoreHasOneDeviceOpenedAtATime(t *testing.T) {
	l := newLab(t, 12, lio.Options{})
	now, most := &atomic.Int64{}, &atomic.Int64{}
	c := l.client(t, func(o *iscsi.Options) { o.FS = narrowZFS{o.FS, now, most} })
	done, err := c.Restore(t.Context(), l.several(t, c, 12), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range done {
		if r.Err != nil || len(r.Changes) == 0 {
			t.Errorf("%+v", r)
		}
	}
	if n := most.Load(); n != 1 {
		t.Fatalf("%d devices were opened at once", n)
	}
}

func TestADeviceWhoseOpenDoesNotReturnKeepsNoOtherFromBeingOpened(t *testing.T) {
	l := newLab(t, 3, lio.Options{})
	c := l.client(t, func(o *iscsi.Options) { o.Watchdog = time.Second })
	targets := l.several(t, c, 3)
	release := l.Hang(func(op, file string) bool {
		return op == "write" && path.Base(file) == "enable" && path.Base(path.Dir(file)) == "pvc-0"
	})
	done, err := c.Restore(t.Context(), targets, nil)
	release()
	if err != nil || !errors.Is(done[0].Err, iscsi.ErrStuck) {
		t.Fatalf("%v, %+v", err, done[0])
	}
	for _, r := range done[1:] {
		if r.Err != nil {
			t.Errorf("it waited for the stuck one: %+v", r)
		}
	}
	for again := iscsi.ErrStuck; errors.Is(again, iscsi.ErrStuck); time.Sleep(time.Millisecond) {
		_, again = c.Ensure(t.Context(), targets[0])
		if again != nil && !errors.Is(again, iscsi.ErrStuck) {
			t.Fatal(again)
		}
	}
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
