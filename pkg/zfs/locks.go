package zfs

import (
	"context"
	"sort"
	"sync"

	"golang.org/x/sync/semaphore"
)

// locks serialises changes to one dataset and lets others run at the same time.
// A change holds its dataset alone and every dataset above it shared, so that a
// recursive destroy of a parent waits for a change below it and the other way
// round.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	weight *semaphore.Weighted
	users  int
}

const alone = 1 << 30

// acquire waits for changes and uses and returns what releases them. Locks are
// taken in the order of their names, so that two commands cannot wait for each
// other.
func (l *locks) acquire(ctx context.Context, changes, uses []Name) (func(), error) {
	weights := map[string]int64{}
	for _, n := range uses {
		l.share(weights, n, 1)
	}
	for _, n := range changes {
		l.share(weights, n, alone)
	}
	names := make([]string, 0, len(weights))
	for n := range weights {
		names = append(names, n)
	}
	sort.Strings(names)
	var release []func()
	undo := func() {
		for i := len(release) - 1; i >= 0; i-- {
			release[i]()
		}
	}
	for _, n := range names {
		r, err := l.one(ctx, n, weights[n])
		if err != nil {
			undo()
			return nil, err
		}
		release = append(release, r)
	}
	return undo, nil
}

func (l *locks) share(weights map[string]int64, n Name, weight int64) {
	if n.full == "" {
		return
	}
	weights[n.full] = max(weights[n.full], weight)
	for p := n; !p.IsRoot(); {
		p = p.Parent()
		weights[p.full] = max(weights[p.full], 1)
	}
}

func (l *locks) one(ctx context.Context, name string, weight int64) (func(), error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[name]
	if k == nil {
		k = &lock{weight: semaphore.NewWeighted(alone)}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()
	err := k.weight.Acquire(ctx, weight)
	if err != nil {
		l.leave(name, k)
		return nil, err
	}
	return func() {
		k.weight.Release(weight)
		l.leave(name, k)
	}, nil
}

func (l *locks) leave(name string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, name)
	}
}
