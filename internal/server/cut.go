package server

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// The plan's phases that change how the host is reached.
const (
	lockdownPhase = 0 // the firewall: SSH's port and from where
	networkPhase  = 1 // the internal bridge and its address
)

// CutsConnection says why the caller's own connection would not survive that
// the host becomes as want says, or "" when it would. old is the document that
// the host follows now; nil when that is not known. Only the phases that are
// carried out count; nil means all of them.
//
// An established connection outlives the rules of phase 0, which are loaded in
// the profile that is in force, but a caller who could not come back counts as cut.
func CutsConnection(c Connection, old, want *platform.Platform, phases []int, profile netfw.Profile) string {
	if !c.leavesHost() || want == nil {
		return ""
	}
	local := c.Local.Addr().Unmap()
	if touches(phases, networkPhase) {
		if why := cutsNetwork(c, local, old, want); why != "" {
			return why
		}
	}
	if touches(phases, lockdownPhase) {
		return cutsRules(c, local, want, profile)
	}
	return ""
}

// UndoCutsConnection is CutsConnection for the undo of phases: undoing phase 1
// takes the internal address away; undoing phase 0 only opens.
func UndoCutsConnection(c Connection, now *platform.Platform, phases []int) string {
	if !c.leavesHost() || now == nil || !touches(phases, networkPhase) {
		return ""
	}
	internal := now.Spec.Network.Internal
	if local := c.Local.Addr().Unmap(); local == internal.Address {
		return fmt.Sprintf("the undo takes away %s on %s, where the caller is connected to", local, internal.Bridge)
	}
	return ""
}

// leavesHost is false for a local process, also one at the end of a tunnel.
func (c Connection) leavesHost() bool {
	return c.Local.IsValid() && !c.Local.Addr().Unmap().IsLoopback()
}

func touches(phases []int, phase int) bool { return len(phases) == 0 || slices.Contains(phases, phase) }

func cutsNetwork(c Connection, local netip.Addr, old, want *platform.Platform) string {
	internal := want.Spec.Network.Internal
	// The API listens on the internal address alone; an SSH session is on it
	// when the former document says so.
	onInternal := !c.SSH || old != nil && local == old.Spec.Network.Internal.Address
	switch {
	case !onInternal:
		return ""
	case local != internal.Address:
		return fmt.Sprintf("the host's internal address becomes %s, and the caller is connected to %s", internal.Address, local)
	case !c.SSH && c.Local.Port() != uint16(want.Spec.Waddled.Port):
		return fmt.Sprintf("the API moves to port %d, and the caller is connected to port %d", want.Spec.Waddled.Port, c.Local.Port())
	}
	return cutsRemote(c.Remote.Addr().Unmap(), old, internal)
}

// cutsRemote sees a caller on the internal network whose addresses are no
// longer part of it.
func cutsRemote(remote netip.Addr, old *platform.Platform, internal platform.Internal) string {
	if old == nil || !old.Spec.Network.Internal.CIDR.Contains(remote) || internal.CIDR.Contains(remote) {
		return ""
	}
	return fmt.Sprintf("the internal network becomes %s, and the caller comes from %s", internal.CIDR, remote)
}

// cutsRules asks the rules. Those of an emergency let in whom they let in, and
// who is not connected over the network is not asked about.
func cutsRules(c Connection, local netip.Addr, want *platform.Platform, profile netfw.Profile) string {
	remote := c.Remote.Addr().Unmap()
	if remote.IsLoopback() || profile == netfw.Emergency {
		return ""
	}
	if profile == firewall.None {
		profile = netfw.Initial // phase 0 begins with it
	}
	rule, drops := firewall.Drops(want, profile, firewall.Route{From: c.Remote, To: c.Local})
	port := uint16(want.Spec.Host.SSH.Port)
	switch {
	case !drops:
		return ""
	case c.SSH && c.Local.Port() != port:
		return fmt.Sprintf("the rules of the profile %s let SSH in on port %d, and the caller's session is on %s port %d", profile, port, local, c.Local.Port())
	}
	return fmt.Sprintf("the rules of the profile %s do not let a new connection in from %s, where the caller comes from, to %s port %d (%s)", profile, remote, local, c.Local.Port(), rule)
}

// wouldCut is the refusal.
func wouldCut(what, why string) error {
	if why == "" {
		return nil
	}
	return problem.New(problem.WouldCutConnection,
		"do it from the out-of-band console, or say force (--force, \"force\": true) when you have another way in",
		"cannot %s: %s", what, why)
}
