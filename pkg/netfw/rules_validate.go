package netfw

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// interfaceName is what iptables takes as the name of one interface: no
// trailing + (a wildcard), at most 15 bytes (IFNAMSIZ).
var interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)

var profiles = []Profile{Open, Initial, Lockdown, Emergency}

// Validate returns everything that is wrong with c.
func (c RuleConfig) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Parts == 0 || c.Parts&^AllParts != 0 {
		bad("parts %#x: name at least one of input, forward, nat", uint8(c.Parts))
	}
	if !slices.Contains(profiles, c.Profile) {
		bad("profile %q: allowed are %s, %s, %s, %s", c.Profile, Open, Initial, Lockdown, Emergency)
	}
	if c.Boot != "" && !slices.Contains(profiles[:3], c.Boot) {
		bad("profile %q for the boot: allowed are %s, %s, %s", c.Boot, Open, Initial, Lockdown)
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
	for _, p := range c.SSHFrom {
		if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
			bad("SSH from %s: not a network in CIDR notation, as 198.51.100.0/24 or 2001:db8::/64", p)
		}
	}
	errs = append(errs, c.validateZones()...)
	errs = append(errs, c.validateExceptions()...)
	errs = append(errs, c.validatePins()...)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot make firewall rules: %w", err)
	}
	return nil
}

// boot is the configuration of the rule files.
func (c RuleConfig) boot() RuleConfig {
	switch {
	case c.Boot != "":
		c.Profile = c.Boot
	case c.Profile == Emergency:
		c.Profile = Lockdown
	}
	if c.Profile != Emergency {
		c.Exceptions = nil
	}
	return c
}

func (c RuleConfig) validateZones() []error {
	var errs []error
	for name, z := range map[string]Zone{"Teleport": c.Zones.Teleport, "nodes": c.Zones.Nodes} {
		for _, a := range z.Addresses {
			if !c.isGuest(a) {
				errs = append(errs, fmt.Errorf("zone %s, address %s: allowed are unicast addresses in %s other than the host's, and of IPv6", name, a, c.InternalCIDR))
			}
		}
		if slices.Contains(z.TCP, 0) {
			errs = append(errs, fmt.Errorf("zone %s, TCP port 0: allowed are 1 to 65535", name))
		}
	}
	return errs
}

// isGuest reports whether a VM on the internal bridge can have the address.
func (c RuleConfig) isGuest(a netip.Addr) bool {
	if a.Is4() {
		return c.InternalCIDR.Contains(a) && a != c.InternalAddress
	}
	return a.IsValid() && !a.Is4In6() && a.Zone() == "" && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}

func (c RuleConfig) validateExceptions() []error {
	var errs []error
	if len(c.Exceptions) > 0 && c.Profile != Emergency {
		errs = append(errs, fmt.Errorf("exceptions in profile %q: only %s has them", c.Profile, Emergency))
	}
	for _, x := range c.Exceptions {
		for _, p := range x.Sources {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
				errs = append(errs, fmt.Errorf("exception for %s: not a network in CIDR notation, as 198.51.100.7/32 or 2001:db8::/64", p))
			}
		}
		for _, port := range x.TCP {
			if port == 0 || port != proxmoxPort && port != c.SSHPort {
				errs = append(errs, fmt.Errorf("exception for TCP port %d: allowed are %d and %d", port, proxmoxPort, c.SSHPort))
			}
		}
		if len(x.Sources) == 0 || len(x.TCP) == 0 {
			errs = append(errs, fmt.Errorf("exception for %v, ports %v: name at least one source and one port", x.Sources, x.TCP))
		}
	}
	return errs
}

const proxmoxPort = 8006

func (c RuleConfig) validatePins() []error {
	var errs []error
	if a := c.InternalAddress; a.IsValid() && !(a.Is4() && c.InternalCIDR.Contains(a)) {
		errs = append(errs, fmt.Errorf("the host's internal address %s: not in %s", a, c.InternalCIDR))
	}
	for vmid, addrs := range c.Pins {
		if vmid < 100 || vmid > 999999999 {
			errs = append(errs, fmt.Errorf("VM %d: Proxmox numbers VMs from 100 to 999999999", vmid))
		}
		for _, a := range addrs {
			if !c.isGuest(a) {
				errs = append(errs, fmt.Errorf("VM %d, address %s: allowed are unicast addresses in %s other than the host's, and of IPv6", vmid, a, c.InternalCIDR))
			}
		}
	}
	return errs
}
