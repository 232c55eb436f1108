package confirm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockWait  = 10 * time.Second       // of whoever can wait
	lockPoll  = 10 * time.Millisecond  // flock has no deadline of its own
	frozenFor = 150 * time.Millisecond // after which the guard takes the holder for frozen
)

// ErrLocked says that another process holds the lock and does not let go of it.
var ErrLocked = errors.New("another process holds the firewall's lock")

// lock takes the one lock. Its directory is in /run, so that a full or read-only
// disk takes nothing away. The kernel releases it when the holder dies.
func (f *Firewall) lock(ctx context.Context, wait time.Duration) (unlock func(), err error) {
	if err := os.MkdirAll(f.run, 0o700); err != nil {
		return nil, fmt.Errorf("cannot lock the firewall: %w", err)
	}
	dir, err := os.Open(f.run)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the firewall: %w", err)
	}
	for until := time.Now().Add(wait); ; {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = dir.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("cannot lock the firewall: flock %s: %w", f.run, err), dir.Close())
		}
		if !time.Now().Before(until) {
			return nil, errors.Join(fmt.Errorf("cannot lock the firewall: %s: %w for %s; look which with: fuser -v %s", f.run, ErrLocked, wait, f.run), dir.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("cannot lock the firewall: %w", ctx.Err()), dir.Close())
		case <-time.After(lockPoll):
		}
	}
}
