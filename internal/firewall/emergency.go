package firewall

import (
	"context"
	"net/netip"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Opening is what an emergency opens, to whom and for how long.
type Opening struct {
	From    []string      // addresses and networks
	For     time.Duration // 0 means the platform's spec.lockdown.emergencyFor
	SSH, UI bool          // neither means both
}

// What holds without a platform document: an emergency does not need one.
const (
	defaultSSHPort      = 22
	defaultEmergencyFor = 30 * time.Minute
)

// Emergency loads the lockdown with exceptions, which end by themselves.
func (s *Service) Emergency(ctx context.Context, who Caller, o Opening) (confirm.Emergency, error) {
	sources, err := prefixes(o.From)
	if err != nil {
		return confirm.Emergency{}, err
	}
	ssh, lasts := uint16(defaultSSHPort), defaultEmergencyFor
	if doc, err := s.o.Platform(); err == nil {
		ssh, lasts = uint16(doc.Spec.Host.SSH.Port), doc.Spec.Lockdown.EmergencyFor.Std()
	}
	if o.For != 0 {
		lasts = o.For
	}
	var ports []uint16
	if o.SSH || !o.UI {
		ports = append(ports, ssh)
	}
	if o.UI || !o.SSH {
		ports = append(ports, platform.ProxmoxPort)
	}
	e, err := s.o.Truth.Emergency(ctx, confirm.EmergencyRequest{Sources: sources, Ports: ports, For: lasts, By: who.Name})
	s.Look(context.WithoutCancel(ctx))
	return e, refused(err)
}

func prefixes(from []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range from {
		p, ok := Source(text)
		if !ok {
			return nil, problem.New(problem.InvalidRequest, "write an address or a network, as in 198.51.100.7 or 2001:db8::/64",
				"cannot begin an emergency: %q is neither an address nor a network", text)
		}
		out = append(out, p)
	}
	return out, nil
}

// Source reads a network, or an address, which is the network of it alone.
func Source(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}
