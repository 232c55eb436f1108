package confirm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Guarding is the guard's process: it sleeps until at, a time of CLOCK_BOOTTIME,
// and then does Guarded. It hears no signal that can be ignored: whoever stops
// the daemon by its name must not stop this.
func (f *Firewall) Guarding(ctx context.Context, id string, at time.Duration) error {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGPIPE, unix.SIGTSTP, unix.SIGUSR1, unix.SIGUSR2)
	first()
	sleep, err := f.alarmed(at)
	if err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString(readyLine); err != nil {
		return fmt.Errorf("cannot say that the guard is armed: %w", err)
	}
	if err := toNowhere(unix.Stdout); err != nil {
		return err
	}
	if err := sleep(ctx); err != nil {
		return err
	}
	f.log.Info("the time to confirm is over", "id", id, "late", f.clock.Boot()-at)
	return f.Guarded(ctx, id)
}

// Awaited is Guarding for whoever was started for this only, shortly before at,
// by somebody who starts it again when it dies.
func (f *Firewall) Awaited(ctx context.Context, id string, at time.Duration) error {
	sleep, err := f.alarmed(at)
	if err == nil {
		err = sleep(ctx)
	}
	if err != nil {
		return err
	}
	f.log.Info("the time to confirm is over", "id", id, "late", f.clock.Boot()-at)
	return f.Guarded(ctx, id)
}

// first has the guard, and the commands that it starts, run before all others,
// and the last to be killed for memory: a host that is busy or under attack is
// where it is needed. Best effort: without the right to it, it still runs.
func first() {
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, guardNice)                           // the group is our session: all threads
	_ = os.WriteFile("/proc/self/autogroup", []byte(strconv.Itoa(guardNice)), 0) // the same for the session (sched(7))
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(guardOOM)), 0)
}

const (
	guardNice = -20
	guardOOM  = -900
)

// toNowhere lets go of the pipe to whoever started us.
func toNowhere(fd int) error {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Dup3(int(null.Fd()), fd, 0), null.Close())
}

const (
	guardPause   = 100 * time.Millisecond // between tries
	guardSlowest = 500 * time.Millisecond
)

// Guarded expires what is due and tries again until the rules are right. When
// the lock's holder is frozen it rolls back without the lock, and again once it
// has it, as the holder may go on and load its rules in between.
func (f *Firewall) Guarded(ctx context.Context, id string) error {
	pause := guardPause
	for n := 1; ; n++ {
		err := f.guarded(ctx, id)
		if err == nil {
			f.log.Info("the firewall is as it has to be", "id", id, "tries", n)
			return nil
		}
		if n&(n-1) == 0 { // ever more rarely: a holder can stay frozen for days
			f.log.Error("the firewall's guard tries again", "id", id, "tries", n, "error", err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, guardSlowest)
		}
	}
}

func (f *Firewall) guarded(ctx context.Context, id string) error {
	unlock, err := f.lock(ctx, frozenFor)
	if err != nil {
		return errors.Join(err, f.withoutLock(ctx))
	}
	defer unlock()
	_, err = f.settled(ctx)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		return f.guardDamaged(ctx, id, damaged)
	}
	if err != nil {
		return err
	}
	return f.again(ctx)
}

// withoutLock loads what should be there when a change or an emergency is
// overdue. It writes nothing.
func (f *Firewall) withoutLock(ctx context.Context) error {
	s, err := f.read()
	if err != nil {
		return err
	}
	e := f.readEmergency()
	over := e != nil && !f.clock.ahead(e.Until)
	late := s.Pending != nil && !f.clock.ahead(s.Pending.Deadline)
	if !over && !late {
		return nil
	}
	return f.loadFormer(ctx, s)
}

// again loads once more what is wanted: without the lock we may have loaded
// what a confirmation at the last moment has overtaken.
func (f *Firewall) again(ctx context.Context) error {
	w, err := f.Wanted(ctx)
	if err != nil {
		f.log.Error("the confirmed rules are damaged; what is loaded stays", "error", err)
		return nil // trying again would not mend them
	}
	if w.LiveRules == nil {
		return nil
	}
	return f.load(ctx, *w.LiveRules, "what is wanted")
}

// guardDamaged rolls back although the state cannot be read: what is in the boot
// files is right whether the change was confirmed or not.
func (f *Firewall) guardDamaged(ctx context.Context, id string, damaged *DamagedError) error {
	set, err := f.readBootFiles(false)
	if err != nil || set == nil {
		f.log.Error("the guard can do nothing: state and boot files are damaged or missing; the rules stay as they are", "id", id, "error", damaged)
		return nil
	}
	return f.load(ctx, *set, "the boot files, as the state is damaged")
}
