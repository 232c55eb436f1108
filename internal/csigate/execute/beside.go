package execute

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// parting is how long a volume whose target the driver took away is left alone:
// it is about to be destroyed, which the driver tries for a minute, and a target
// made again meanwhile would hold its device.
const parting = 2 * time.Minute

// departures are the targets that the driver took away, by their asset.
type departures struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (d *departures) mark(asset string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at = map[string]time.Time{}
	}
	maps.DeleteFunc(d.at, func(_ string, at time.Time) bool { return time.Since(at) > parting })
	d.at[asset] = time.Now()
}

func (d *departures) clear(asset string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.at, asset)
}

func (d *departures) has(asset string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, is := d.at[asset]
	return is && time.Since(at) <= parting
}

// Hold waits for the right to change targets. Until it is released no script of
// the driver makes or removes one, so whoever holds it may compare volumes and
// targets and act on what was found.
func (e *Executor) Hold(ctx context.Context) (release func(), err error) { return e.turn(ctx) }

// Departing reports whether the driver took the target of that name away a
// moment ago, on its way to destroy the volume.
func (e *Executor) Departing(asset string) bool { return e.departing.has(asset) }

// Reserve sets size bytes aside for a volume that somebody else than the driver
// makes or grows, or refuses by the same rules. settle has to be called with
// whether that was done.
func (e *Executor) Reserve(ctx context.Context, v zfs.Volume, size uint64) (settle func(made bool), err error) {
	return e.ledger.reserve(ctx, v.Name, size)
}

// Forget takes a volume that somebody else than the driver destroyed off the
// account.
func (e *Executor) Forget(v zfs.Volume) { e.ledger.forget(v.String()) }

// TargetOf is Target for a volume whose target has another name than the
// driver's default, as an older host's may have.
func (p Policy) TargetOf(base iscsi.Base, asset, device string) (iscsi.Target, error) {
	iqn, err := base.Target(asset)
	if err != nil {
		return iscsi.Target{}, err
	}
	return iscsi.Target{
		IQN: iqn, Portals: []iscsi.Portal{p.Portal}, CHAP: p.CHAP, Attributes: p.Group,
		LUNs: []iscsi.LUN{{Backstore: iscsi.Backstore{Name: asset, Device: device, Attributes: p.Block}}},
	}, nil
}
