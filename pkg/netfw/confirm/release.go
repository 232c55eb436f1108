package confirm

import (
	"context"
	"errors"
	"fmt"
)

// Release forgets what was ever set and then calls undo, which takes the rules
// themselves away, all under the lock: afterwards there is no confirmed profile,
// and the next one is whatever the caller's default is. It refuses while a
// change is pending or an emergency in force (*ConflictError). Forgetting comes
// first: a state that promises rules whose files are gone already would make the
// next boot load the built-in lockdown. It can be called again.
func (f *Firewall) Release(ctx context.Context, undo func(context.Context) error) error {
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := f.settled(ctx)
	if err != nil {
		return err
	}
	if err := f.free(s); err != nil {
		return err
	}
	if err := f.drop(s); err != nil {
		return fmt.Errorf("cannot forget the firewall's profile: %w", err)
	}
	return undo(ctx)
}

// drop removes the state, and then what only it speaks of. The boot files stay:
// they are what is loaded.
func (f *Firewall) drop(s State) error {
	if c := s.Confirmed; c != nil && c.Unsettled {
		return errors.New("the boot files could not be written after the last confirmation; is the disk full?")
	}
	if err := f.remove(f.dir, stateFile); err != nil {
		return err
	}
	if s.Confirmed != nil {
		f.log.Warn("the confirmed firewall profile is forgotten", "id", s.Confirmed.ID, "profile", s.Confirmed.Profile)
	}
	return f.tidy(State{})
}
