package confirm

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// settled reads the state and finishes what was left unfinished: what is due is
// rolled back or ended, and the boot files say what is confirmed. Under the lock.
func (f *Firewall) settled(ctx context.Context) (State, error) {
	var ended error
	if e := f.readEmergency(); e != nil && !f.clock.ahead(e.Until) {
		ended = f.endEmergency(ctx, e)
	}
	s, err := f.read()
	if err := errors.Join(ended, err); err != nil {
		return s, err
	}
	if s, err = f.expire(ctx, s); err != nil {
		return s, err
	}
	next, err := f.settle(s)
	if err != nil {
		// What is confirmed is read from the change's own files until it works.
		f.log.Warn("cannot write the boot files", "error", err)
		return s, nil
	}
	return next, nil
}

// settle makes the boot files say what is confirmed and takes old files away.
func (f *Firewall) settle(s State) (State, error) {
	if s.Confirmed != nil && s.Confirmed.Unsettled {
		set, err := readChange(f.dir, s.Confirmed.ID, s.Confirmed.Sums)
		if err != nil {
			return s, &DamagedError{Path: f.dir, Err: err}
		}
		if err := f.writeBootFiles(set); err != nil {
			return s, err
		}
		c := *s.Confirmed
		c.Unsettled = false
		s.Confirmed = &c
		if err := f.writeState(s); err != nil {
			return s, err
		}
	} else if err := f.mend(s.Confirmed); err != nil {
		return s, err
	}
	return s, f.tidy(s)
}

// mend writes boot files that were damaged or are missing again, as they were
// confirmed; what the driver has changed since, it changes again. Without it the
// next boot would load the built-in lockdown. Where the change's own files are
// damaged as well there is nothing to mend with.
func (f *Firewall) mend(c *Confirmed) error {
	if c == nil {
		return nil
	}
	if set, err := f.readBootFiles(c.Profile != netfw.Open); err == nil && set != nil {
		return nil
	}
	own, err := readChange(f.dir, c.ID, c.Sums)
	if err != nil {
		return nil // whoever needs the rules says so
	}
	if err := f.writeBootFiles(own); err != nil {
		return err
	}
	f.log.Error("the rules for the boot were damaged or missing; they are written again as they were confirmed", "id", c.ID)
	return nil
}

// tidy removes the rule files of changes that are neither confirmed nor pending.
func (f *Firewall) tidy(s State) error {
	var keep, drop []string
	if s.Confirmed != nil {
		keep = append(keep, s.Confirmed.ID)
	}
	if s.Pending != nil {
		keep = append(keep, s.Pending.ID)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return gone(err)
	}
	for _, e := range entries {
		if m := changeFile.FindStringSubmatch(e.Name()); m != nil && !slices.Contains(keep, m[1]) {
			drop = append(drop, e.Name())
		}
	}
	if len(drop) == 0 {
		return nil
	}
	return f.remove(f.dir, drop...)
}
