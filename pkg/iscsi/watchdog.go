package iscsi

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// watch is what the watchdog knows of a work.
type watch struct {
	mu   sync.Mutex
	in   *call // the call that the kernel has now
	left bool  // nobody waits for the work any more
}

// call is one call into the kernel.
type call struct {
	ch    Change
	path  string
	began time.Time
}

// errLeft ends a work that the watchdog has given up.
var errLeft = errors.New("the call took too long and was given up")

// watched makes all calls of one work, one after the other, in a goroutine that
// is watched: a hand-over between goroutines for each of them would take longer
// than most of them do. When one does not return in time the goroutine is left
// with it: a thread in the kernel's uninterruptible sleep ends when the kernel
// lets it, and only then is the target usable again. The work makes no further
// call then.
func (w *work) watched(run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	timer := time.NewTimer(w.c.o.Watchdog)
	defer timer.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-timer.C:
			rest, err := w.overdue()
			if err != nil {
				return err
			}
			timer.Reset(rest)
		}
	}
}

// overdue gives a work up whose call has taken too long, or says how long it may
// still take.
func (w *work) overdue() (rest time.Duration, err error) {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	limit, in := w.c.o.Watchdog, w.watch.in
	if in == nil {
		return limit, nil
	}
	if rest := limit - time.Since(in.began); rest > 0 {
		return rest, nil
	}
	w.watch.left = true
	w.c.hold(w.iqn, in.ch.Op)
	return 0, &Error{Op: in.ch.Op, Object: in.ch.Object, Path: in.path, Kind: ErrStuck,
		Err:    fmt.Errorf("no answer within %s", limit),
		Advice: "the kernel is still at it and cannot be interrupted; log the initiators out, look at dmesg, and reboot if it stays"}
}

// enter and leave enclose a call. leave fails when the work was given up
// meanwhile, and makes its target usable again.
func (w *work) enter(ch Change, path string) {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	w.watch.in = &call{ch: ch, path: path, began: time.Now()}
}

func (w *work) leave() error {
	w.watch.mu.Lock()
	defer w.watch.mu.Unlock()
	op := w.watch.in.ch.Op
	w.watch.in = nil
	if w.watch.left {
		w.c.free(w.iqn, op)
		return errLeft
	}
	return nil
}

// hold marks a target as stuck.
func (c *Client) hold(i IQN, op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stuck[i] = op
}

func (c *Client) free(i IQN, op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck[i] == op {
		delete(c.stuck, i)
	}
}

// usable refuses work on a target with a call that has not returned.
func (c *Client) usable(i IQN) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op, stuck := c.stuck[i]; stuck {
		return &Error{Op: "change anything", Object: "target " + i.name, Kind: ErrStuck,
			Advice: fmt.Sprintf("an earlier call (%s) has not returned from the kernel", op)}
	}
	return nil
}
