package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Proof is why a confirmation shows that the new rules let the operator in.
type Proof struct {
	// OpenedAt is the Boottime at which the confirming connection was opened:
	// its first packet was let in, which is before it was accepted.
	OpenedAt time.Duration
	// Console says that the operator is at the console, which no rule closes.
	Console bool
	// By is who confirms, Over from where in words: "a new connection from
	// 10.10.0.2". They are kept as evidence and decide nothing.
	By, Over string
}

// over is where the confirmation came from, in words.
func (p Proof) over() string {
	switch {
	case p.Over != "":
		return p.Over
	case p.Console:
		return "the console"
	}
	return "a connection that was opened after the change"
}

// Confirm makes the pending change the one that boots and rollbacks go back to.
// It counts only over a connection that was opened after the change was loaded,
// or on the console (*ProofError). One that was confirmed already is no error;
// one that is not pending is a *NotPendingError.
func (f *Firewall) Confirm(ctx context.Context, id string, proof Proof) error {
	unlock, err := f.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := f.settled(ctx)
	if err != nil {
		return err
	}
	if s.Confirmed != nil && s.Confirmed.ID == id {
		return nil
	}
	if s.Pending == nil || s.Pending.ID != id {
		return &NotPendingError{ID: id, Last: s.Last}
	}
	if err := f.proven(ctx, s, proof); err != nil {
		return err
	}
	return f.commit(ctx, s, proof)
}

// proven refuses what does not show that the new rules let the operator in.
func (f *Firewall) proven(ctx context.Context, s State, proof Proof) error {
	p := s.Pending
	set, ok := f.alive(p)
	if proof.Console || !ok { // what is not alive is not confirmed whatever is proven
		return nil
	}
	no := func(why string) error { return &ProofError{p.ID, why, p.Deadline.Wall} }
	if proof.OpenedAt <= p.LoadedAt {
		return no("this connection was open before the new rules were loaded, so it does not show that they let you in; open a new one")
	}
	differ, err := f.loader.CompareRules(ctx, set)
	if err != nil {
		return fmt.Errorf("cannot confirm the firewall change %s: cannot see whether its rules are loaded: %w", p.ID, err)
	}
	if len(differ) == 0 {
		return nil
	}
	if err := f.anew(ctx, s, func() error { return f.load(ctx, set, "the pending change "+p.ID) }); err != nil {
		return err
	}
	return no("somebody has changed the new rules meanwhile, so your connection does not show that they let you in; they are loaded again now: open a new one")
}

// anew does what may load a pending change's rules again, and records since when
// they are loaded.
func (f *Firewall) anew(ctx context.Context, s State, load func() error) error {
	err := load()
	p := *s.Pending
	p.LoadedAt = f.clock.Boot()
	s.Pending = &p
	return errors.Join(err, f.writeState(s))
}

// commit records the confirmation, which is the one write that counts, and then
// makes the boot files say the same.
func (f *Firewall) commit(ctx context.Context, s State, proof Proof) error {
	p := s.Pending
	if _, ok := f.alive(p); !ok {
		return joined(&NotPendingError{ID: p.ID}, f.back(ctx, s, "not confirmed in time"))
	}
	now := f.clock.Wall().Round(time.Millisecond)
	next := State{
		Version: stateVersion,
		Confirmed: &Confirmed{
			ID: p.ID, Profile: p.Profile, At: now, By: p.By, SetAt: p.ArmedAt, ConfirmedBy: proof.By, Over: proof.over(),
			Sums: p.Sums, Unsettled: true,
		},
		Last: &Outcome{ID: p.ID, Profile: p.Profile, Result: WasConfirmed, Reason: inTime(proof.By), At: now},
	}
	if err := f.writeState(next); err != nil {
		return fmt.Errorf("cannot confirm the firewall change %s: %w", p.ID, err)
	}
	f.log.Warn("firewall change is confirmed", "id", p.ID, "profile", p.Profile, "by", proof.By)
	if _, err := f.settle(next); err != nil {
		f.log.Error("the boot files do not say yet what was confirmed; the boot reads the change's own", "id", p.ID, "error", err)
	}
	f.disarm(ctx, p.ID, p.Guard)
	return nil
}

func inTime(by string) string {
	if by == "" {
		return "confirmed in time"
	}
	return "confirmed in time by " + by
}
