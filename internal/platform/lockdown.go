package platform

import (
	"fmt"
	"net/netip"
)

// Lockdown is the host's firewall (plan: Phase 0 and Phase 3).
type Lockdown struct {
	// What the internal network may reach on the host in phase 3: zones lets each VM reach only what it needs, open lets everything in from the internal bridge, as the plan's rule does.
	Internal InternalTrust `json:"internal"`
	// Networks that may reach the host's SSH in phase 0, before Teleport exists. Default: everywhere, IPv4 and IPv6.
	SSHFrom []netip.Prefix `json:"sshFrom"`
	// How long a changed firewall waits for its confirmation before the former one comes back.
	ConfirmWithin Duration `json:"confirmWithin"`
	// How long an emergency opening lasts when nothing else is said.
	EmergencyFor Duration `json:"emergencyFor"`
}

// InternalTrust is how far the internal network is trusted.
type InternalTrust string

// The degrees of trust.
const (
	Zones InternalTrust = "zones"
	Open  InternalTrust = "open"
)

func (InternalTrust) rule() rule { return oneOf(string(Zones), string(Open)) }

func (l *Lockdown) fill() {
	or(&l.Internal, Zones)
	if l.SSHFrom == nil {
		l.SSHFrom = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	}
	or(&l.ConfirmWithin, Duration(2*minute))
	or(&l.EmergencyFor, Duration(30*minute))
}

func (l *Lockdown) check(f *faults) {
	const from = "spec.lockdown.sshFrom"
	if len(l.SSHFrom) > 256 {
		f.add(from, fmt.Sprintf("lists %d networks", len(l.SSHFrom)), "at most 256 networks")
	}
	for i, p := range l.SSHFrom {
		if p != p.Masked() {
			f.add(fmt.Sprintf("%s[%d]", from, i), fmt.Sprintf("%s has host bits: the network is %s", p, p.Masked()), "a network, e.g. "+p.Masked().String())
		}
	}
	unique(f, "is listed twice: also {other}", "each network once", f.each(from, len(l.SSHFrom)),
		func(i int) string { return l.SSHFrom[i].String() })
	within(f, "spec.lockdown.confirmWithin", l.ConfirmWithin, Duration(10*second), Duration(hour))
	within(f, "spec.lockdown.emergencyFor", l.EmergencyFor, Duration(minute), Duration(day))
}
