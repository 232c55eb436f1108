package confirm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// EmergencyRequest is what is opened, to whom, and for how long.
type EmergencyRequest struct {
	Sources []netip.Prefix // of either family, not everybody
	Ports   []uint16       // TCP ports of the host: SSH's, 8006
	For     time.Duration  // MinWithin to MaxEmergency
	By      string
}

func (r EmergencyRequest) validate() error {
	if len(r.Sources) == 0 || len(r.Ports) == 0 {
		return invalid("cannot begin an emergency: name at least one source address and one of SSH and the Proxmox UI")
	}
	for _, s := range r.Sources {
		if !s.IsValid() || s != s.Masked() {
			return invalid("cannot begin an emergency: source %s is not a network, as 198.51.100.7/32 or 2001:db8::/64", s)
		}
		if s.Bits() == 0 {
			return invalid("cannot begin an emergency: source %s is everybody; name the address that you come from", s)
		}
	}
	if slices.Contains(r.Ports, 0) {
		return invalid("cannot begin an emergency: port 0: allowed are 1 to 65535")
	}
	if r.For < MinWithin || r.For > MaxEmergency {
		return invalid("cannot begin an emergency: for %s: allowed are %s to %s", r.For, MinWithin, MaxEmergency)
	}
	return nil
}

// Emergency loads lockdown with exceptions and has it end by itself. It needs
// neither daemon nor state file nor disk: what it has to remember is in /run. A
// pending change is rolled back by it, a former emergency replaced. It does not
// wait for long for a lock whose holder is frozen.
func (f *Firewall) Emergency(ctx context.Context, r EmergencyRequest) (Emergency, error) {
	if err := r.validate(); err != nil {
		return Emergency{}, err
	}
	unlock, err := f.lock(ctx, 2*time.Second)
	switch {
	case err == nil:
		defer unlock()
	case errors.Is(err, errLocked):
		f.log.Warn("going on without the lock, whose holder does not move", "error", err)
	default:
		return Emergency{}, fmt.Errorf("cannot begin an emergency: %w", err)
	}
	e, set, err := f.prepareEmergency(ctx, r)
	if err != nil {
		return e, fmt.Errorf("cannot begin an emergency, nothing was loaded: %w", err)
	}
	if err := f.load(ctx, set, "the emergency "+e.ID); err != nil {
		return e, joined(err, f.endEmergency(context.WithoutCancel(ctx), &e))
	}
	f.log.Warn("EMERGENCY: the firewall has exceptions", "id", e.ID, "sources", e.Sources, "ports", e.Ports, "until", e.Until.Wall, "by", e.By)
	f.dropPending(ctx)
	return e, nil
}

func (f *Firewall) prepareEmergency(ctx context.Context, r EmergencyRequest) (e Emergency, set netfw.RuleSet, err error) {
	e = Emergency{Version: stateVersion, ID: newID("emergency"), Sources: r.Sources, Ports: r.Ports, By: r.By}
	set, e.Basis = f.emergencyRules(r)
	if e.Until, err = f.clock.in(r.For); err != nil {
		return e, set, err
	}
	former := f.readEmergency()
	if e.Sums, err = f.writeChange(f.run, e.ID, set); err != nil {
		return e, set, err
	}
	if e.Guard, err = f.arm(ctx, e.ID, e.Until); err == nil {
		if err = f.writeEmergency(e); err == nil {
			if former != nil {
				f.disarm(ctx, former.ID, former.Guard)
				_ = f.remove(f.run, changeNames(former.ID)...) // small, and in memory
			}
			return e, set, nil
		}
		f.disarm(ctx, e.ID, e.Guard)
	}
	return e, set, joined(err, f.remove(f.run, changeNames(e.ID)...))
}

// emergencyRules is lockdown with the exceptions: from the host's platform when
// it can be read, otherwise the built-in one, with what is forwarded as it is
// confirmed.
func (f *Firewall) emergencyRules(r EmergencyRequest) (netfw.RuleSet, string) {
	x := netfw.Exception{Sources: r.Sources, TCP: r.Ports}
	if f.lockdown != nil {
		set, err := f.lockdown(x)
		if err == nil {
			return set, "the platform's lockdown"
		}
		f.log.Warn("cannot make the platform's lockdown, taking the built-in one", "error", err)
	}
	set := BuiltinEmergency(x)
	s, err := f.read()
	if err != nil {
		return set, "the built-in lockdown"
	}
	confirmed, err := f.confirmedRules(s)
	if err != nil || confirmed == nil {
		return set, "the built-in lockdown"
	}
	return over(inputOnly(set), *confirmed), "the built-in lockdown; what is forwarded stays as confirmed"
}

func inputOnly(set netfw.RuleSet) netfw.RuleSet {
	only := func(chains []netfw.Chain) []netfw.Chain {
		return slices.DeleteFunc(slices.Clone(chains), func(c netfw.Chain) bool { return !isInput(c) })
	}
	return netfw.RuleSet{V4: only(set.V4), V6: only(set.V6)}
}

// BuiltinEmergency is the built-in lockdown with exceptions before its last
// rule: what docs/recovery.md has as plain commands.
func BuiltinEmergency(x netfw.Exception) netfw.RuleSet {
	set := netfw.BuiltinLockdown()
	for _, k := range kinds[:2] {
		chains := set.Of(k.family)
		i := slices.IndexFunc(chains, isInput)
		rules := chains[i].Rules
		chains[i].Rules = slices.Concat(rules[:len(rules)-1], exceptions(k.family, x), rules[len(rules)-1:])
	}
	return set
}

func exceptions(family netfw.Family, x netfw.Exception) (rules []string) {
	for _, src := range x.Sources {
		if src.Addr().Is4() != (family == netfw.IPv4) {
			continue
		}
		for _, port := range x.TCP {
			rules = append(rules, fmt.Sprintf("-s %s -p tcp -m tcp --dport %d -j ACCEPT", src, port))
		}
	}
	return rules
}

// readEmergency returns nil when there is none. One that cannot be read is over.
func (f *Firewall) readEmergency() *Emergency {
	b, err := os.ReadFile(filepath.Join(f.run, emergencyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var e Emergency
	if err == nil {
		err = strict(b, &e)
	}
	if err == nil && (e.Version != stateVersion || !idForm.MatchString(e.ID)) {
		err = errors.New("it is of another version")
	}
	if err != nil {
		f.log.Error("the emergency's file cannot be read, so it is over", "path", filepath.Join(f.run, emergencyFile), "error", err)
		return &Emergency{ID: "unreadable"}
	}
	return &e
}

func (f *Firewall) writeEmergency(e Emergency) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return f.write(f.run, emergencyFile, append(b, '\n'))
}

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
