package storage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// configfs is a folder that stands for it: the kernel reports removals in it in
// the same way.
type configfs struct {
	t       *testing.T
	targets string
	events  chan string
}

// watched starts a watch of a folder, which need not be there.
func watched(t *testing.T) configfs {
	dir := filepath.Join(t.TempDir(), "target", "iscsi")
	c := configfs{t: t, targets: dir, events: make(chan string)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watchTargets(ctx, dir, 5*time.Millisecond, c.events)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return c
}

// told makes and removes targets until the watch tells of a removal: it may not
// stand yet.
func (c configfs) told() {
	c.t.Helper()
	deadline := time.After(time.Minute)
	for {
		dir := filepath.Join(c.targets, "iqn.2026-01.social.waddle:data")
		must(c.t, os.MkdirAll(dir, 0o755))
		must(c.t, os.Remove(dir))
		select {
		case e := <-c.events:
			if e != EventTargets {
				c.t.Fatalf("the event is %q", e)
			}
			return
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			c.t.Fatal("a target was removed, and nobody was told")
		}
	}
}

// quiet takes what is still on its way.
func (c configfs) quiet() {
	for {
		select {
		case <-c.events:
		case <-time.After(50 * time.Millisecond):
			return
		}
	}
}

func TestARemovedTargetIsTold(t *testing.T) {
	c := watched(t)
	must(t, os.MkdirAll(c.targets, 0o755))
	c.told()
}

func TestTheWatchWaitsForTheKernelsTarget(t *testing.T) {
	c := watched(t)
	time.Sleep(20 * time.Millisecond) // it has looked, and nothing was there
	must(t, os.MkdirAll(c.targets, 0o755))
	c.told()
}

// TestTheWatchOutlivesTheFolder removes the folder and makes another one in its
// place at once, as a restart of targetcli's restore does.
func TestTheWatchOutlivesTheFolder(t *testing.T) {
	c := watched(t)
	must(t, os.MkdirAll(c.targets, 0o755))
	c.told()
	for range 3 {
		c.quiet()
		must(t, os.Remove(c.targets))
		must(t, os.Mkdir(c.targets, 0o755))
		c.told()
	}
}

func TestWhatIsMadeIsNotTold(t *testing.T) {
	c := watched(t)
	must(t, os.MkdirAll(c.targets, 0o755))
	c.told()
	for i := range 10 { // an event of before may still be on its way, but not each time
		c.quiet()
		must(t, os.Mkdir(filepath.Join(c.targets, fmt.Sprintf("iqn.2026-01.social.waddle:other%d", i)), 0o755))
		select {
		case <-c.events:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
	t.Error("a target that was made was told of as one that has gone, ten times of ten")
}

// TestTheServiceWatchesConfigfs goes through the service, as the daemon does.
func TestTheServiceWatchesConfigfs(t *testing.T) {
	root := t.TempDir()
	targets := filepath.Join(root, "target", "iscsi")
	must(t, os.MkdirAll(targets, 0o755))
	ctx, cancel := context.WithCancel(context.Background())
	c := configfs{t: t, targets: targets, events: make(chan string)}
	all := NewService(ServiceOptions{Machine: Machine{Configfs: root}}).Watch(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range all { // until the service has ended
			select {
			case c.events <- e:
			case <-ctx.Done():
			}
		}
	}()
	c.told()
	cancel()
	<-ended
}
