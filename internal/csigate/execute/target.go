package execute

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// turn waits for the right to change a target. pkg/iscsi has a lock too, but
// work that has begun there cannot be taken back when the client goes.
func (e *Executor) turn(ctx context.Context) (func(), error) {
	select {
	case <-e.target:
		return func() { e.target <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another target to be changed: %w", context.Cause(ctx))
	}
}

func (e *Executor) createTarget(ctx context.Context, c grammar.CreateTarget) Answer {
	v, err := e.volume(c.Volume)
	if err != nil {
		return failed(err)
	}
	iqn, err := e.iqn(v)
	if err != nil {
		return failed(err)
	}
	if c.IQN != iqn.String() || c.Asset != Asset(v) {
		return failed(grammar.Refuse("volume %s is exported as target %s and backstore %s here, not as %s and %s; set iscsi.shareStrategyTargetCli.basename as `waddle storage csi-values` prints it, and no name template",
			v, iqn, Asset(v), grammar.Quote(c.IQN), grammar.Quote(c.Asset)))
	}
	if err := e.o.Policy.agrees(c); err != nil {
		return failed(err)
	}
	device, err := e.device(ctx, v)
	if err != nil {
		return failed(err)
	}
	t, err := e.o.Policy.Target(e.o.ISCSI.Base(), v, device)
	if err != nil {
		return failed(err)
	}
	release, err := e.turn(ctx)
	if err != nil {
		return failed(err)
	}
	defer release()
	if err := e.exports(ctx, iqn, device); err != nil {
		return failed(err)
	}
	e.departing.clear(c.Asset)
	// Each of its steps is bounded by the watchdog of pkg/iscsi.
	if _, err := e.o.ISCSI.Ensure(context.WithoutCancel(ctx), t); err != nil {
		return failed(err)
	}
	return Answer{}
}

// device returns the path of a volume's device, which follows from its name.
// Only when it is not there is zfs asked whether it will come.
func (e *Executor) device(ctx context.Context, v zfs.Volume) (string, error) {
	link := e.o.ZFS.Device(v)
	if _, err := os.Stat(link); err == nil {
		return link, nil
	}
	infos, err := e.o.ZFS.Get(ctx, nil, v)
	if errors.Is(err, zfs.ErrNotExist) {
		return "", grammar.Refuse("there is no volume %s to export", v)
	}
	if err != nil {
		return "", err
	}
	if infos[0].Type != zfs.Volumes {
		return "", grammar.Refuse("%s is a %s, not a volume", v, infos[0].Type)
	}
	return e.o.ZFS.WaitDevice(ctx, v)
}

// exports refuses a target that has another volume already: two ids that differ
// in capitals only have one target name, and one would take the other's place.
func (e *Executor) exports(ctx context.Context, iqn iscsi.IQN, device string) error {
	s, err := e.o.ISCSI.Show(ctx, iqn)
	if errors.Is(err, iscsi.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, l := range s.LUNs {
		if l.Device != "" && l.Device != device {
			return grammar.Refuse("target %s exports %s, not %s; delete that volume first or give this one another name", iqn, l.Device, device)
		}
	}
	return nil
}

func (e *Executor) deleteTarget(ctx context.Context, c grammar.DeleteTarget) Answer {
	iqn, err := e.o.ISCSI.Base().Target(c.Asset)
	if err != nil || iqn.String() != c.IQN {
		return failed(grammar.Refuse("backstore %s belongs to target %s:%s here, not to %s",
			grammar.Quote(c.Asset), e.o.ISCSI.Base(), grammar.Quote(c.Asset), grammar.Quote(c.IQN)))
	}
	release, err := e.turn(ctx)
	if err != nil {
		return failed(err)
	}
	defer release()
	if err := e.ofVolume(ctx, iqn, c.Asset); err != nil {
		return failed(err)
	}
	e.departing.mark(c.Asset)
	err = e.o.ISCSI.Delete(context.WithoutCancel(ctx), iqn, false)
	if errors.Is(err, iscsi.ErrInUse) {
		e.departing.clear(c.Asset) // it stays, and stays repaired
		return failed(fmt.Errorf("%w; a node that is gone for good can be cut off with: waddle storage delete", err))
	}
	if err != nil {
		return failed(err)
	}
	return Answer{}
}

// ofVolume refuses to take away a target whose device is not that of one of the
// driver's volumes, such as one that an older host keeps right below the root, or
// an operator's: its destroy, which comes next, would be refused.
func (e *Executor) ofVolume(ctx context.Context, iqn iscsi.IQN, asset string) error {
	s, err := e.o.ISCSI.Show(ctx, iqn)
	if errors.Is(err, iscsi.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	probe, err := e.o.ZFS.Root().Volume(e.layout.Volumes() + "/x")
	if err != nil {
		return err
	}
	folder := strings.TrimSuffix(e.o.ZFS.Device(probe), "x")
	for _, l := range s.LUNs {
		if l.Device != "" && strings.ToLower(strings.TrimPrefix(l.Device, folder)) != asset {
			return grammar.Refuse("target %s exports %s, which is not a volume of %s; see: waddle storage show", iqn, l.Device, e.layout.Volumes())
		}
		if l.Device == "" {
			continue
		}
		n, err := e.o.ZFS.Root().Name(e.layout.Volumes() + "/" + strings.TrimPrefix(l.Device, folder))
		if err != nil {
			return err
		}
		if err := e.notOperators(ctx, n); err != nil {
			return err
		}
	}
	return nil
}
