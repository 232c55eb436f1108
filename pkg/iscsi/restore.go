package iscsi

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sync"
)

// Restored is what Restore did with one target.
type Restored struct {
	IQN     IQN
	Changes []Change
	Err     error
}

// Restore makes many targets at once, as after a boot, and returns one answer
// for each in the order given. One that fails does not keep the others from
// being made. Nobody else changes anything meanwhile; among themselves targets
// do not get in each other's way: each has its own folders. told, unless it is
// nil, is called with each as soon as that is done, one call after the other.
func (c *Client) Restore(ctx context.Context, targets []Target, told func(Restored)) ([]Restored, error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot restore %d targets: %w", len(targets), err)
	}
	defer unlock()
	done := make([]Restored, len(targets))
	complete := make([]Target, len(targets))
	seen := map[IQN]bool{}
	for i, t := range targets {
		done[i].IQN = t.IQN
		complete[i], done[i].Err = c.complete(t)
		if done[i].Err == nil && seen[t.IQN] {
			done[i].Err = fmt.Errorf("cannot restore target %s: it is given twice", t.IQN)
		}
		seen[t.IQN] = true
	}
	tell := teller(told)
	c.each(done, func(i int) ([]Change, error) { return c.clearPortals(ctx, complete[i]) }, nil)
	for _, r := range done {
		if r.Err != nil {
			tell(r)
		}
	}
	c.each(done, func(i int) ([]Change, error) { return c.converge(ctx, complete[i], false) }, tell)
	return done, nil
}

// teller lets one call at a time through.
func teller(told func(Restored)) func(Restored) {
	var mu sync.Mutex
	return func(r Restored) {
		if told == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		told(r)
	}
}

// clearPortals removes the portals that nobody wants before anything is made:
// as long as one target of an older host listens on 0.0.0.0, the kernel cannot
// open the internal address on the same port.
func (c *Client) clearPortals(ctx context.Context, t Target) ([]Change, error) {
	np := path.Join(c.groupDir(t.IQN), "np")
	found, err := c.folders(np)
	if gone(err) != nil {
		return nil, c.unreadable(t.IQN, err)
	}
	w := &work{c: c, ctx: ctx, iqn: t.IQN}
	err = w.watched(func() error {
		return w.retirePortals(t, &state{State: State{IQN: t.IQN, Portals: slices.Clone(found)}})
	})
	return w.changes, err
}

// each runs do for every target without an error, some at a time, and tells of
// each that is done. Most of the
// time the kernel only waits (a LUN's link waits for all processors to have passed
// a point, synchronize_rcu), so that there are more at once than processors.
func (c *Client) each(done []Restored, do func(i int) ([]Change, error), tell func(Restored)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(len(done), 8*runtime.NumCPU()) {
		wg.Go(func() {
			for i := range next {
				changes, err := do(i)
				done[i].Changes = append(done[i].Changes, changes...)
				done[i].Err = err
				if tell != nil {
					tell(done[i])
				}
			}
		})
	}
	for i := range done {
		if done[i].Err == nil {
			next <- i
		}
	}
	close(next)
	wg.Wait()
}
