package confirm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// guardLead is how long before the deadline the guard gets ready: on a host that
// is busy, to start a program and to list the rules takes seconds.
const guardLead = 10 * time.Second

// readier is a Loader that can do beforehand what a load needs.
type readier interface {
	Ready(ctx context.Context) error
}

// alarmed sets what wakes the guard, so that nothing can fail later. sleep
// returns at the deadline, a time of CLOCK_BOOTTIME, with the loader ready; an
// error of it is that of ctx, or that the alarms cannot be waited for.
func (f *Firewall) alarmed(at time.Duration) (sleep func(context.Context) error, err error) {
	early, err := alarm(at - guardLead)
	if err != nil {
		return nil, err
	}
	late, err := alarm(at)
	if err != nil {
		return nil, errors.Join(err, early.Close())
	}
	return func(ctx context.Context) error {
		up := context.AfterFunc(ctx, func() { _, _ = early.Close(), late.Close() }) // ends the reads
		defer func() { up(); _, _ = early.Close(), late.Close() }()
		err := ring(early)
		if err == nil {
			f.ready(ctx, at)
			err = ring(late)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}, nil
}

func ring(a *os.File) error {
	if _, err := a.Read(make([]byte, 8)); err != nil {
		return fmt.Errorf("cannot wait for the deadline: %w", err)
	}
	return nil
}

// ready is best effort and ends at the deadline at the latest.
func (f *Firewall) ready(ctx context.Context, at time.Duration) {
	r, ok := f.loader.(readier)
	left := at - f.clock.Boot()
	if !ok || left <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	if err := r.Ready(ctx); err != nil {
		f.log.Warn("the guard could not look at the rules beforehand; it tries to load them all the same", "error", err)
	}
}

// alarm is a timerfd, which no jump of the wall clock and no suspend delays.
func alarm(at time.Duration) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(at, 1)))}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd_settime: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "timerfd"), nil
}
