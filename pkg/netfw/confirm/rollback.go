package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// Rollback brings the last confirmed rules back at once: those before the
// pending change, or before the emergency, of that id.
func (f *Firewall) Rollback(ctx context.Context, id, reason string) error {
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	if e := f.readEmergency(); e != nil && e.ID == id {
		return f.endEmergency(ctx, e)
	}
	s, err := f.settled(ctx)
	if err != nil {
		return err
	}
	if s.Pending == nil || s.Pending.ID != id {
		return &NotPendingError{ID: id, Last: s.Last}
	}
	return f.back(ctx, s, reason)
}

// Expire rolls back what is due and ends an emergency whose time is over. It can
// be called at any time, by anybody, again. A *DamagedError means that the state
// cannot be read and what is loaded stays.
func (f *Firewall) Expire(ctx context.Context) error {
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = f.settled(ctx)
	return err
}

// expire rolls back a change that is due.
func (f *Firewall) expire(ctx context.Context, s State) (State, error) {
	if s.Pending == nil {
		return s, nil
	}
	if _, ok := f.live(s.Pending); ok {
		return s, nil
	}
	reason := "not confirmed in time"
	if f.clock.ahead(s.Pending.Deadline) {
		reason = "whoever set it died meanwhile, or its rule files are damaged"
	}
	if err := f.back(ctx, s, reason); err != nil {
		return s, err
	}
	now, err := f.read()
	if err == nil && now.Pending != nil {
		now.Pending = nil // could not be recorded; it is over all the same
	}
	return now, err
}

// back loads what was there before the pending change and then records it. The
// load needs no write: a change that is due counts as rolled back anyway, and
// one that is not due is made so by taking its rule files away.
func (f *Firewall) back(ctx context.Context, s State, reason string) error {
	p := s.Pending
	if err := f.loadFormer(ctx, s); err != nil {
		return fmt.Errorf("cannot roll back the firewall change %s: %w", p.ID, err)
	}
	f.log.Warn("firewall change is rolled back", "id", p.ID, "profile", p.Profile, "reason", reason)
	next := s
	next.Pending = nil
	next.Last = &Outcome{ID: p.ID, Profile: p.Profile, Result: WasRolledBack, Reason: reason, At: f.clock.Wall().Round(time.Millisecond)}
	unrecorded := f.writeState(next)
	unlinked := f.remove(f.dir, changeNames(p.ID)...)
	if unrecorded != nil && unlinked != nil && f.clock.ahead(p.Deadline) {
		return fmt.Errorf("the firewall change %s is rolled back, but that cannot be recorded, so it may be loaded again until %s: %w",
			p.ID, p.Deadline.Wall.Format(time.RFC3339), errors.Join(unrecorded, unlinked))
	}
	if unrecorded != nil {
		f.log.Warn("the rollback is not recorded; it counts all the same", "id", p.ID, "error", unrecorded)
		return nil
	}
	f.disarm(ctx, p.ID, p.Guard)
	return nil
}

// loadFormer loads the confirmed rules, or those of an emergency that is in
// force. Chains of ours that they do not have go in the same transaction.
func (f *Firewall) loadFormer(ctx context.Context, s State) error {
	if e := f.readEmergency(); e != nil && f.clock.ahead(e.Until) {
		if set, err := readChange(f.run, e.ID, e.Sums); err == nil {
			return f.load(ctx, set, "the emergency "+e.ID)
		}
	}
	return f.load(ctx, f.former(s), "the last confirmed rules")
}

// former is what is confirmed, or the best that is left of it: the change's own
// files when the boot files are damaged, then the built-in lockdown.
func (f *Firewall) former(s State) netfw.RuleSet {
	set, err := f.confirmedRules(s)
	switch {
	case err == nil && set == nil:
		return netfw.RuleSet{} // there was nothing of ours
	case err == nil:
		return *set
	}
	if c := s.Confirmed; c != nil {
		if own, ownErr := readChange(f.dir, c.ID, c.Sums); ownErr == nil {
			f.log.Error("the boot files are damaged; the confirmed change's own are loaded", "error", err)
			return own
		}
	}
	f.log.Error("THE CONFIRMED RULES ARE DAMAGED: THE BUILT-IN LOCKDOWN IS LOADED, the console is the way in", "error", err)
	return netfw.BuiltinLockdown()
}
