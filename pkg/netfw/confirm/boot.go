package confirm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// Boot loads the last confirmed rules, before the network is up. A pending
// change counts as not confirmed, an emergency as over. When the state or the
// rules are damaged it loads the built-in lockdown, and returns the
// *DamagedError beside having loaded it; when that cannot be loaded either it
// closes the host without rules. It writes nothing that it needs.
func (f *Firewall) Boot(ctx context.Context) error {
	unlock, err := f.lock(ctx, lockWait)
	if err == nil {
		defer unlock()
	} else {
		// Whatever is wrong with /run, a host must not come up open.
		f.log.Error("loading the rules without the lock", "error", err)
	}
	s, err := f.read()
	var set *netfw.RuleSet
	if err == nil {
		set, err = f.confirmedRules(s)
	}
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		loaded := f.bootClosed(ctx, fmt.Errorf("%s: %w", damaged.Path, damaged.Err))
		damaged.Loaded = loaded == nil
		return errors.Join(err, loaded)
	}
	if err != nil {
		return err
	}
	if set == nil && s.Pending == nil && f.readEmergency() == nil {
		f.log.Info("no firewall rules to load: no profile was set yet")
		return nil
	}
	if set == nil {
		set = &netfw.RuleSet{}
	}
	if err := f.load(ctx, *set, "the last confirmed rules"); err != nil {
		return errors.Join(err, f.bootClosed(ctx, err))
	}
	f.log.Info("the last confirmed firewall rules are loaded")
	f.forget(ctx, s)
	return nil
}

// closer is a Loader that can close the host where it cannot load rules.
type closer interface {
	Close(ctx context.Context) error
}

// bootClosed is for rules that cannot be used. Where nothing can be loaded, as
// with iptables' variants mixed, the host is closed without them.
func (f *Firewall) bootClosed(ctx context.Context, why error) error {
	f.log.Error("THE SAVED FIREWALL RULES CANNOT BE USED: THE BUILT-IN LOCKDOWN IS LOADED, the console is the way in", "error", why)
	err := f.load(ctx, netfw.BuiltinLockdown(), "the built-in lockdown")
	c, ok := f.loader.(closer)
	if err == nil || !ok {
		return err
	}
	f.log.Error("NO FIREWALL RULES CAN BE LOADED: THE HOST IS CLOSED WITHOUT THEM, the console is the way in", "error", err)
	if sealed := f.seam("close"); sealed != nil {
		return errors.Join(err, sealed)
	}
	return errors.Join(err, c.Close(ctx))
}

// forget records what the boot has ended. It may be too early in the boot for a
// disk that can be written to; then it is over all the same.
func (f *Firewall) forget(ctx context.Context, s State) {
	if e := f.readEmergency(); e != nil {
		_ = f.remove(f.run, append([]string{emergencyFile}, changeNames(e.ID)...)...) // read again, it is over
		f.unguard(ctx, e.ID, e.Guard, e.Until)
	}
	if p := s.Pending; p != nil {
		s.Pending = nil
		s.Last = &Outcome{ID: p.ID, Profile: p.Profile, Result: WasRolledBack, Reason: "the boot came before the confirmation", At: f.clock.Wall().Round(time.Millisecond)}
		f.log.Warn("the firewall change was not confirmed before the boot", "id", p.ID, "profile", p.Profile)
		if err := errors.Join(f.writeState(s), f.remove(f.dir, changeNames(p.ID)...)); err != nil {
			f.log.Warn("the rollback is not recorded; it counts all the same", "id", p.ID, "error", err)
		}
		f.unguard(ctx, p.ID, p.Guard, p.Deadline)
	}
	if _, err := f.settle(s); err != nil {
		f.log.Warn("cannot write the boot files", "error", err)
	}
}

// unguard disarms what this boot has armed, when somebody loads the rules by hand:
// once the package is removed nothing is left for the guard to start. At a boot
// there is none, and it is too early to ask.
func (f *Firewall) unguard(ctx context.Context, id, guard string, until Deadline) {
	if boot, err := f.clock.BootID(); err == nil && boot == until.Boot {
		f.disarm(ctx, id, guard)
	}
}
