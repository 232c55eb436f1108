package netfw

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Profile says what the host's own services are open to.
type Profile string

// The profiles.
const (
	Open      Profile = "open"      // nothing of ours filters
	Initial   Profile = "initial"   // phase 0: SSH from anywhere, the rest closed to the public
	Lockdown  Profile = "lockdown"  // phase 3; reserved, Validate refuses it
	Emergency Profile = "emergency" // lockdown with named exceptions; reserved, Validate refuses it
)

// Part is a part of the rules that can be wanted, loaded and undone by itself.
type Part uint8

// The parts.
const (
	PartInput   Part = 1 << iota // what reaches the host itself (phase 0)
	PartForward                  // what is forwarded (phase 1)
	PartNAT                      // masquerade (phase 1)

	AllParts = PartInput | PartForward | PartNAT
)

// RuleConfig is what the rules follow from.
type RuleConfig struct {
	// Parts is what a call is about. Parts that are not named are neither
	// looked at nor touched, in the kernel and in the rule files.
	Parts          Part
	Profile        Profile
	InternalBridge string       // vmbr1
	InternalCIDR   netip.Prefix // 10.10.0.0/24, IPv4
	PublicBridge   string       // vmbr0
	SSHPort        uint16       // open from anywhere in the initial profile
	InternalTCP    []uint16     // the host's TCP ports that InternalCIDR may reach
}

// interfaceName is what iptables takes as the name of one interface: no
// trailing + (a wildcard), at most 15 bytes (IFNAMSIZ).
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)

// Validate returns everything that is wrong with c.
func (c RuleConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Parts == 0 || c.Parts&^AllParts != 0 {
		bad("parts %#x: name at least one of input, forward, nat", uint8(c.Parts))
	}
	if c.Profile != Open && c.Profile != Initial {
		bad("profile %q: allowed are %s, %s", c.Profile, Open, Initial)
	}
	for what, name := range map[string]string{"internal bridge": c.InternalBridge, "public bridge": c.PublicBridge} {
		if !interfaceName.MatchString(name) {
			bad("%s %q: not the name of an interface", what, name)
		}
	}
	if c.InternalBridge == c.PublicBridge {
		bad("internal and public bridge are both %q", c.InternalBridge)
	}
	if !c.InternalCIDR.IsValid() || !c.InternalCIDR.Addr().Is4() || c.InternalCIDR != c.InternalCIDR.Masked() || c.InternalCIDR.Bits() == 0 {
		bad("internal network %s: not an IPv4 network", c.InternalCIDR)
	}
	if c.SSHPort == 0 {
		bad("SSH port 0: allowed are 1 to 65535")
	}
	if slices.Contains(c.InternalTCP, 0) {
		bad("internal TCP port 0: allowed are 1 to 65535")
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot make firewall rules: %w", err)
	}
	return nil
}
