package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// killPatience is how long Down waits for killed processes to end.
const killPatience = time.Minute

// Down takes the lab away: its processes, its namespaces, its files. It can be
// called again, and on a lab that died or was never finished.
func (l *Lab) Down(ctx context.Context) error { return Down(ctx, l.Name) }

// Down takes the lab of that name away, whatever is left of it. It is not an error
// when there is none.
func Down(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := checkRoot(); err != nil {
		return fmt.Errorf("cannot take lab %s down: %w", name, err)
	}
	unlock, err := lock(name)
	if err != nil {
		return fmt.Errorf("cannot take lab %s down: %w", name, err)
	}
	defer unlock()
	return remove(ctx, name)
}

// remove is Down for a caller that holds the lock.
func remove(ctx context.Context, name string) error {
	if err := clearOut(ctx, name); err != nil {
		return fmt.Errorf("cannot take lab %s down: %w", name, err)
	}
	if err := os.Remove(stateDir(name)); err != nil {
		return fmt.Errorf("cannot take lab %s down: %w", name, err)
	}
	// The directories above go with the last lab, unless somebody else uses them.
	for _, dir := range []string{stateRoot, netnsRoot} {
		err := os.Remove(dir)
		if err != nil && !isAny(err, unix.ENOTEMPTY, unix.EBUSY, unix.ENOENT) {
			return fmt.Errorf("cannot take lab %s down: %w", name, err)
		}
	}
	return nil
}

// killResidents kills what lives in the lab's namespaces. A process that forks
// meanwhile is found in the next round.
func killResidents(ctx context.Context, name string) error {
	paths, err := netnsNames(name)
	if err != nil {
		return err
	}
	return killIn(ctx, paths)
}

// killIn kills until nothing lives in the namespaces at paths.
func killIn(ctx context.Context, paths []string) error {
	var killed []process // one that is ending is in no namespace any more, but still there
	for end := time.Now().Add(killPatience); ; time.Sleep(5 * time.Millisecond) {
		ps, err := residents(paths)
		if err != nil {
			return err
		}
		killed = slices.DeleteFunc(killed, func(p process) bool { return !p.alive() })
		if len(ps)+len(killed) == 0 {
			return nil
		}
		killed = append(killed, ps...)
		for _, p := range ps {
			if err := p.signal(unix.SIGKILL); err != nil {
				return fmt.Errorf("cannot kill process %d: %w", p.PID, err)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes do not end within %s of SIGKILL, the first is %d: run it again", len(killed), killPatience, killed[0].PID)
		}
	}
}

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
