package preflight

import (
	"context"
	"fmt"
	"slices"

	"github.com/waddle-social/waddle/internal/platform"
)

func (s Sources) network(ctx context.Context, l *list) {
	lines := s.Network(ctx)
	if len(lines) == 0 {
		l.ok("network", "links, forwarding and both iptables can be used")
	}
	for _, line := range lines {
		l.missing("network", line, "settle it, then run waddle preflight again")
	}
}

// bridges: the public one is the installation's; the internal one is made by phase 1.
func (s Sources) bridges(l *list, p *platform.Platform) {
	public, internal := string(p.Spec.Network.Public.Bridge), string(p.Spec.Network.Internal.Bridge)
	have, err := s.Bridges()
	switch {
	case err != nil:
		l.missing("bridge.public", fmt.Sprintf("the host's links cannot be listed: %v", err), "run waddled as root")
	case slices.Contains(have, public):
		l.ok("bridge.public", "%s is there", public)
	default:
		l.missing("bridge.public", fmt.Sprintf("there is no bridge %s (there are: %v)", public, have), "make it in /etc/network/interfaces with the uplink as its port, or correct spec.network.public.bridge")
	}
	switch {
	case err != nil:
		l.unknown("the host's links cannot be listed", "bridge.internal")
	case slices.Contains(have, internal):
		l.ok("bridge.internal", "%s is there", internal)
	default:
		l.ok("bridge.internal", "%s is not there yet: phase 1 makes it", internal)
	}
}

// leastState is what the state file, its backups and an image that is being downloaded may need.
const leastState = 2 << 30

func (s Sources) stateDir(l *list) {
	free, err := s.Free(s.StateDir)
	switch {
	case err != nil:
		l.missing("space.state", fmt.Sprintf("%s cannot be looked at: %v", s.StateDir, err), "make the directory, for root alone")
	case free < leastState:
		l.missing("space.state", fmt.Sprintf("%s are free in %s, at least %s are needed", size(free), s.StateDir, size(leastState)), "make room on that disk")
	default:
		l.ok("space.state", "%s are free in %s", size(free), s.StateDir)
	}
}

func size(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
