package confirm

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// Wanted is what should be in the kernel now, and what in the boot files.
type Wanted struct {
	// Live and Boot are profiles; "" means that no change was made through here
	// yet, so that the caller's own default holds.
	Live, Boot netfw.Profile
	// LiveRules and BootRules are the very rules; nil means that there are none
	// of ours.
	LiveRules, BootRules *netfw.RuleSet
	Pending              *Pending   // nil when nothing is pending
	Emergency            *Emergency // nil when none is in force
}

// Wanted says what should be live now and what in the boot files. Overdue
// changes count as rolled back, recorded or not. A *DamagedError means: leave
// what is loaded.
func (f *Firewall) Wanted(context.Context) (Wanted, error) {
	s, err := f.read()
	if err != nil {
		return Wanted{}, err
	}
	return f.wanted(s)
}

// Hold calls do with what is wanted, under the lock: a rollback, or a new
// change, comes before or after it, never in between. A reconciler loads rules
// nowhere else.
func (f *Firewall) Hold(ctx context.Context, do func(context.Context, Wanted) error) error {
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := f.settled(ctx)
	if err != nil {
		return err
	}
	w, err := f.wanted(s)
	if err != nil {
		return err
	}
	if w.Pending == nil {
		return do(ctx, w)
	}
	differ, err := f.loader.CompareRules(ctx, *w.LiveRules)
	if err == nil && len(differ) == 0 {
		return do(ctx, w)
	}
	// Who has got in while the rules were not there has proven nothing.
	return f.anew(ctx, s, func() error { return do(ctx, w) })
}

func (f *Firewall) wanted(s State) (Wanted, error) {
	base, err := f.confirmedRules(s)
	if err != nil {
		return Wanted{}, err
	}
	w := Wanted{LiveRules: base, BootRules: base}
	if s.Confirmed != nil {
		w.Live, w.Boot = s.Confirmed.Profile, s.Confirmed.Profile
	}
	if e := f.readEmergency(); e != nil && f.clock.ahead(e.Until) {
		if set, err := readChange(f.run, e.ID, e.Sums); err == nil {
			w.Live, w.LiveRules, w.Emergency = netfw.Emergency, &set, e
			return w, nil
		}
	}
	if p := s.Pending; p != nil {
		if set, ok := f.live(p); ok {
			w.Live, w.LiveRules, w.Pending = p.Profile, &set, p
		}
	}
	return w, nil
}

// alive reports whether a pending change can still be confirmed, and its rules.
func (f *Firewall) alive(p *Pending) (netfw.RuleSet, bool) {
	if !f.clock.ahead(p.Deadline) {
		return netfw.RuleSet{}, false
	}
	set, err := readChange(f.dir, p.ID, p.Sums)
	return set, err == nil
}

// live is alive of a change that is known to be loaded. Seen under the lock, one
// that is not was left by a process that died before it could tell.
func (f *Firewall) live(p *Pending) (netfw.RuleSet, bool) {
	if p.LoadedAt == 0 {
		return netfw.RuleSet{}, false
	}
	return f.alive(p)
}

// confirmedRules are the rules that boots and rollbacks go back to, nil when
// there are none.
func (f *Firewall) confirmedRules(s State) (*netfw.RuleSet, error) {
	c := s.Confirmed
	if c == nil {
		return f.readBootFiles(false)
	}
	if c.Unsettled {
		set, err := readChange(f.dir, c.ID, c.Sums)
		if err != nil {
			return nil, &DamagedError{Path: f.dir, Err: err}
		}
		return &set, nil
	}
	set, err := f.readBootFiles(c.Profile != netfw.Open)
	if err == nil && set == nil {
		err = &DamagedError{Path: f.dir, Err: fmt.Errorf("the rules of the confirmed change %s are missing", c.ID)}
	}
	return set, err
}
