package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// endEmergency loads what is confirmed and then forgets the emergency. With a
// damaged state that is the built-in lockdown: an emergency has to end.
func (f *Firewall) endEmergency(ctx context.Context, e *Emergency) error {
	s, err := f.read()
	if err != nil {
		f.log.Error("the state is damaged", "error", err)
	}
	if err := f.load(ctx, f.afterEmergency(s, err), "the rules after the emergency"); err != nil {
		return fmt.Errorf("cannot end the emergency %s: %w", e.ID, err)
	}
	f.log.Warn("the emergency is over", "id", e.ID)
	if err := f.remove(f.run, append([]string{emergencyFile}, changeNames(e.ID)...)...); err != nil {
		f.log.Warn("the end of the emergency is not recorded; it counts all the same", "error", err)
	}
	f.disarm(ctx, e.ID, e.Guard)
	return nil
}

func (f *Firewall) afterEmergency(s State, damaged error) netfw.RuleSet {
	if damaged == nil {
		return f.former(s)
	}
	if set, err := f.readBootFiles(true); err == nil && set != nil {
		return *set
	}
	f.log.Error("THE CONFIRMED RULES ARE DAMAGED: THE BUILT-IN LOCKDOWN IS LOADED, the console is the way in")
	return netfw.BuiltinLockdown()
}

// dropPending rolls the pending change back on paper; its rules are gone already.
func (f *Firewall) dropPending(ctx context.Context) {
	s, err := f.read()
	if err != nil || s.Pending == nil {
		return
	}
	p := s.Pending
	s.Pending = nil
	s.Last = &Outcome{ID: p.ID, Profile: p.Profile, Result: WasRolledBack, Reason: "an emergency began", At: f.clock.Wall().Round(time.Millisecond)}
	if err := errors.Join(f.writeState(s), f.remove(f.dir, changeNames(p.ID)...)); err != nil {
		f.log.Warn("the pending change is rolled back by the emergency, which is not recorded", "id", p.ID, "error", err)
		return
	}
	f.disarm(ctx, p.ID, p.Guard)
}
