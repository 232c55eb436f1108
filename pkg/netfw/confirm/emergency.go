package confirm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// EmergencyRequest is what is opened, to whom, and for how long.
type EmergencyRequest struct {
	Sources []netip.Prefix // of either family, together not wider than widest
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
	}
	if err := narrow(r.Sources); err != nil {
		return err
	}
	if slices.Contains(r.Ports, 0) {
		return invalid("cannot begin an emergency: port 0: allowed are 1 to 65535")
	}
	if r.For < MinWithin || r.For > MaxEmergency {
		return invalid("cannot begin an emergency: for %s: allowed are %s to %s", r.For, MinWithin, MaxEmergency)
	}
	return nil
}

// widest are the shortest prefixes that an emergency may be for, by the bits of
// an address: no provider's customers come from a wider network.
var widest = map[int]int{32: 8, 128: 16}

// narrow refuses sources that are together, family by family, more than one
// network of the widest kind: a list of many can be everybody too.
func narrow(sources []netip.Prefix) error {
	sum := map[int]float64{} // shares of all addresses
	for _, s := range sources {
		size := s.Addr().BitLen()
		if sum[size] += math.Ldexp(1, -s.Bits()); sum[size] > math.Ldexp(1, -widest[size]) {
			return invalid("cannot begin an emergency: with source %s it is for nearly everybody: allowed are IPv4 networks of /%d to /32 and IPv6 networks of /%d to /128, "+
				"of each family together no more than the widest one; name the address that you come from", s, widest[32], widest[128])
		}
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
	case errors.Is(err, ErrLocked):
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
