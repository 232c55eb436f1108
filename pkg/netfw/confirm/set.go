package confirm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// How long a change may wait for its confirmation, and an emergency last.
const (
	MinWithin    = time.Second
	MaxWithin    = time.Hour
	MaxEmergency = 24 * time.Hour
)

// Change is a request.
type Change struct {
	Profile netfw.Profile // open, initial or lockdown
	Rules   netfw.RuleSet // chains that it does not have stay as they are confirmed
	Within  time.Duration // MinWithin to MaxWithin
	By      string        // who asks
	From    string        // the address that they ask from
	Forced  bool          // although what it needs is not done
}

func (c Change) validate() error {
	allowed := []netfw.Profile{netfw.Open, netfw.Initial, netfw.Lockdown}
	if !slices.Contains(allowed, c.Profile) {
		return invalid("cannot set the firewall profile %q: allowed are open, initial, lockdown (for an emergency: waddled emergency)", c.Profile)
	}
	if c.Within < MinWithin || c.Within > MaxWithin {
		return invalid("cannot set the firewall profile: a time of %s to confirm: allowed are %s to %s", c.Within, MinWithin, MaxWithin)
	}
	for _, k := range kinds[:2] {
		chains := c.Rules.Of(k.family)
		if len(chains) == 0 {
			return invalid("cannot set the firewall profile %s: it has no rules for the family %s", c.Profile, k.family)
		}
		if c.Profile != netfw.Open && !closes(chains) {
			return invalid("cannot set the firewall profile %s: the INPUT chain of the family %s does not end with %s", c.Profile, k.family, finalRule)
		}
	}
	return nil
}

// Set loads a change's rules and rolls them back by itself, whatever happens to
// this process, unless Confirm comes in time. Rule files, guard and state are
// there before anything is loaded; when one of them cannot be, or another change
// is in force (*ConflictError), nothing is loaded.
func (f *Firewall) Set(ctx context.Context, c Change) (Pending, error) {
	if err := c.validate(); err != nil {
		return Pending{}, err
	}
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return Pending{}, err
	}
	defer unlock()
	s, err := f.settled(ctx)
	if err != nil {
		return Pending{}, err
	}
	if err := f.free(s); err != nil {
		return Pending{}, err
	}
	p, err := f.prepare(ctx, s, c)
	if err != nil {
		return Pending{}, fmt.Errorf("cannot change the firewall, nothing was loaded: %w", err)
	}
	s.Pending = &p
	if err := f.try(ctx, &s); err != nil {
		why := fmt.Sprintf("it could not be loaded: %v", err)
		return Pending{}, joined(err, f.back(context.WithoutCancel(ctx), s, why))
	}
	f.log.Warn("firewall change is pending", "id", p.ID, "profile", p.Profile, "by", p.By, "forced", p.Forced, "until", p.Deadline.Wall, "guard", p.Guard)
	return *s.Pending, nil
}

// over is the change's rules, and the chains of base that it does not name. In
// the open profile nothing of ours filters, so pins do not stay either.
func (c Change) over(base netfw.RuleSet) netfw.RuleSet {
	if c.Profile == netfw.Open {
		base.Pins = nil
	}
	return over(c.Rules, base)
}

// free refuses while another change or an emergency is in force.
func (f *Firewall) free(s State) error {
	if p := s.Pending; p != nil {
		return &ConflictError{ID: p.ID, What: fmt.Sprintf("the change to %s", p.Profile), By: p.By, Until: p.Deadline.Wall}
	}
	if e := f.readEmergency(); e != nil {
		return &ConflictError{ID: e.ID, What: "the emergency", By: e.By, Until: e.Until.Wall, Emergency: true}
	}
	return nil
}

// prepare has everything on disk and the guard armed. The state comes last: a
// guard without a change finds nothing to do.
func (f *Firewall) prepare(ctx context.Context, s State, c Change) (p Pending, err error) {
	base, err := f.confirmedRules(s)
	if err != nil {
		return p, err
	}
	if base == nil {
		base = &netfw.RuleSet{}
	}
	p = Pending{ID: newID("change"), Profile: c.Profile, ArmedAt: f.clock.Wall().Round(time.Millisecond), By: c.By, From: c.From, Forced: c.Forced}
	if p.Deadline, err = f.clock.in(c.Within); err != nil {
		return p, err
	}
	if p.Sums, err = f.writeChange(f.dir, p.ID, c.over(*base)); err != nil {
		return p, err
	}
	if p.Guard, err = f.arm(ctx, p.ID, p.Deadline); err == nil {
		s.Pending = &p
		if err = f.writeState(s); err == nil {
			return p, nil
		}
		f.disarm(ctx, p.ID, p.Guard)
	}
	return p, joined(err, f.remove(f.dir, changeNames(p.ID)...))
}

func (f *Firewall) arm(ctx context.Context, id string, d Deadline) (string, error) {
	if err := f.seam("arm"); err != nil {
		return "", err
	}
	handle, err := f.guard.Arm(ctx, id, d.at())
	if err != nil {
		return "", fmt.Errorf("cannot arm the rollback: %w", err)
	}
	return handle, nil
}

// try loads the pending change and records since when it is loaded.
func (f *Firewall) try(ctx context.Context, s *State) error {
	set, ok := f.alive(s.Pending)
	if !ok {
		return fmt.Errorf("the time to confirm was over before the rules could be loaded")
	}
	if err := f.load(ctx, set, "the pending change "+s.Pending.ID); err != nil {
		return err
	}
	p := *s.Pending
	p.LoadedAt = f.clock.Boot()
	s.Pending = &p
	if err := f.writeState(*s); err != nil {
		return err
	}
	// We may have been frozen meanwhile, and the guard, or an operator at the
	// console, been here before us.
	if !f.clock.ahead(p.Deadline) {
		return fmt.Errorf("the time to confirm was over before the rules were loaded")
	}
	if f.readEmergency() != nil {
		return fmt.Errorf("an emergency began meanwhile")
	}
	return nil
}

// joined is err and what failed while taking back.
func joined(err, back error) error {
	if back == nil {
		return err
	}
	return fmt.Errorf("%w; taking it back: %s", err, strings.ReplaceAll(back.Error(), "\n", "; "))
}
