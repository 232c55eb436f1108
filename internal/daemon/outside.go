package daemon

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/waddle-social/waddle/internal/phase"
)

// resolverPort is where a resolver answers over TCP (RFC 7766).
const resolverPort = 53

// outside looks at the host from the public side of the Teleport VM, as the
// platform names it at that moment.
type outside struct{ p *parts }

func (o outside) Connect(ctx context.Context, to netip.AddrPort) (phase.Connection, error) {
	doc, err := o.p.document()
	if err != nil {
		return phase.Connection{}, err
	}
	vm := doc.Spec.TeleportVM().VM
	return phase.GuestOutside{
		Place: fmt.Sprintf("VM %d (%s)", vm.ID, vm.Name),
		Run: func(ctx context.Context, argv ...string) (int, string, error) {
			return o.p.machines.Run(ctx, doc, string(vm.Name), argv...)
		},
		Control: netip.AddrPortFrom(doc.Spec.Network.Resolvers[0], resolverPort),
	}.Connect(ctx, to)
}
