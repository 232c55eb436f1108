package vms

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"
)

// locks order what the driver does: changes of one VM come one after the other, and
// what holds a storage's lock for long comes alone. Proxmox gives up a lock after ten
// seconds, and a full clone holds that of its storage until the copy is done; an
// import holds it only while the volume is made.
type locks struct {
	mu  sync.Mutex
	all map[string]*semaphore.Weighted
}

const wide = 1 << 20 // how many may share a storage

func newLocks() *locks { return &locks{all: map[string]*semaphore.Weighted{}} }

func (l *locks) take(ctx context.Context, key string, all, n int64) (release func(), err error) {
	l.mu.Lock()
	s := l.all[key]
	if s == nil {
		s = semaphore.NewWeighted(all)
		l.all[key] = s
	}
	l.mu.Unlock()
	if err := s.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { s.Release(n) }, nil
}

// vm makes the caller the only one who changes the VM of that name.
func (l *locks) vm(ctx context.Context, name string) (func(), error) {
	return l.take(ctx, "vm "+name, 1, 1)
}

// storages takes the locks of storages, in an order that is always the same: with
// others when a task holds Proxmox's for a moment, alone when until it is done.
func (l *locks) storages(ctx context.Context, names []string, alone bool) (func(), error) {
	n := int64(1)
	if alone {
		n = wide
	}
	var held []func()
	release := func() {
		for _, f := range held {
			f()
		}
	}
	for _, name := range names {
		one, err := l.take(ctx, "storage "+name, wide, n)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, one)
	}
	return release, nil
}

// storagesOf are the storages that the drives of some settings are on, sorted.
func storagesOf(config map[string]string) []string {
	all := map[string]bool{}
	for name, value := range config {
		if !diskSlot.MatchString(name) && name != "efidisk0" && !strings.HasPrefix(name, "unused") {
			continue
		}
		if storage, _, on := strings.Cut(parseProps(value, "file")["file"], ":"); on {
			all[storage] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
