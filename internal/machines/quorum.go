package machines

import (
	"context"

	"github.com/waddle-social/waddle/internal/platform"
)

// Quorum knows which VMs etcd's majority stands on.
type Quorum interface {
	// Member tells whether the VM of waddle's with that name is such a one, and why.
	Member(ctx context.Context, p *platform.Platform, name string) (why string, is bool)
}

// bootstrapStep is the step of phase 4 after which there is an etcd.
const bootstrapStep = "talos.bootstrap"

// Gates is Quorum by what is known before there is a client of the cluster: once the
// first node was bootstrapped, every VM of waddle's but the Teleport VM is a member,
// also one that is no longer in the platform document.
type Gates struct {
	// Passed tells whether a gate was acknowledged.
	Passed func(step string) bool
}

// Member implements Quorum.
func (g Gates) Member(_ context.Context, p *platform.Platform, name string) (string, bool) {
	if name == string(p.Spec.VMs.Teleport.Name) || !g.Passed(bootstrapStep) {
		return "", false
	}
	return "the cluster has been bootstrapped, and etcd has a member on this node", true
}

// nobody is Quorum where nothing is known.
type nobody struct{}

func (nobody) Member(context.Context, *platform.Platform, string) (string, bool) { return "", false }

func (s *Service) quorum() Quorum {
	if s.o.Quorum == nil {
		return nobody{}
	}
	return s.o.Quorum
}
