package confirm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// swept is somebody who takes all rules away while a change waits.
func (w *world) swept() {
	w.kernel, w.loaded = text(netfw.RuleSet{}), netfw.RuleSet{}
}

// A connection proves something about the rules that it had to pass. Those that
// were not loaded when it was opened let nobody in.
func TestAConnectionThatNoRuleHadToLetInProvesNothing(t *testing.T) {
	notProof := func(w *world, when string, err error) {
		t.Helper()
		var no *ProofError
		if !errors.As(err, &no) {
			t.Fatalf("%s: confirmed, or not refused for want of proof: %v", when, err)
		}
		w.is(netfw.Lockdown, when)
	}
	t.Run("while the rules are away", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Initial)
		p := w.set(netfw.Lockdown)
		w.swept()
		opened := w.now + time.Second
		w.now += 2 * time.Second
		notProof(w, "with the rules away", w.Confirm(t.Context(), p.ID, Proof{OpenedAt: opened}))
		notProof(w, "over the same connection again", w.Confirm(t.Context(), p.ID, Proof{OpenedAt: opened}))
		w.ok(w.Confirm(t.Context(), p.ID, Proof{OpenedAt: w.now + time.Second}))
		w.bootFilesAre(netfw.Lockdown, "over a new one")
	})
	t.Run("after the daemon has put them back", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Initial)
		p := w.set(netfw.Lockdown)
		w.swept()
		opened := w.now + time.Second
		w.now += 2 * time.Second
		w.ok(w.Hold(t.Context(), func(ctx context.Context, x Wanted) error { return w.LoadRules(ctx, *x.LiveRules) }))
		w.is(netfw.Lockdown, "put back")
		notProof(w, "over a connection from before that", w.Confirm(t.Context(), p.ID, Proof{OpenedAt: opened}))
		w.ok(w.Confirm(t.Context(), p.ID, Proof{OpenedAt: w.now + time.Second}))
	})
	t.Run("and a look that changes nothing takes no proof away", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Initial)
		p := w.set(netfw.Lockdown)
		opened := w.now + time.Second
		w.now += 2 * time.Second
		w.ok(w.Hold(t.Context(), func(context.Context, Wanted) error { return nil }))
		w.ok(w.Confirm(t.Context(), p.ID, Proof{OpenedAt: opened}))
	})
	t.Run("and the console needs none", func(t *testing.T) {
		w := newWorld(t)
		w.confirmed(netfw.Initial)
		p := w.set(netfw.Lockdown)
		w.swept()
		w.ok(w.Confirm(t.Context(), p.ID, Proof{Console: true}))
	})
}

// What the boot has ended has no guard any more: systemd would start a program
// that finds nothing to do, and when the package was removed meanwhile, one that is
// not there, again and again.
func TestWhatALoadByHandEndsHasNoGuardLeft(t *testing.T) {
	w := newWorld(t)
	w.confirmed(netfw.Initial)
	w.set(netfw.Lockdown)
	w.ok(w.Boot(t.Context()))
	if g := w.guards(); len(g) > 0 {
		t.Errorf("a change that a load by hand has ended: %v are armed still", g)
	}
	if _, err := w.Emergency(t.Context(), emergencyRequest()); err != nil {
		t.Fatal(err)
	}
	w.ok(w.Boot(t.Context()))
	if g := w.guards(); len(g) > 0 {
		t.Errorf("an emergency that a load by hand has ended: %v are armed still", g)
	}
	// At a real boot there is none, and systemd is not asked that early.
	w.set(netfw.Lockdown)
	w.boot = "boot-2"
	asked := false
	w.seam = func(op string) error { asked = asked || op == "firewall:disarm"; return nil }
	w.ok(w.Boot(t.Context()))
	if asked {
		t.Error("a boot asks for a guard of the boot before")
	}
}
