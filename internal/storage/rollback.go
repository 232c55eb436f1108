package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// RollbackRequest takes a volume back to a snapshot.
type RollbackRequest struct {
	Volume   string
	Snapshot string
	// DestroyNewer lets the snapshots go that were taken since. Without it they
	// are a conflict.
	DestroyNewer bool
}

// sizeProperty is on a volume whose rollback is under way: the size, in bytes,
// that it gets back. zfs takes the size back too, and Kubernetes, which knows the
// volume by the size that it was grown to, would never be told.
const sizeProperty = "waddle:size"

// size is what a volume has, or gets back.
func (e *entry) size() uint64 {
	kept, err := strconv.ParseUint(e.info.User[sizeProperty], 10, 63)
	if err != nil {
		return e.info.VolumeSize // there is none, or it is not ours
	}
	return max(kept, e.info.VolumeSize)
}

// Rollback takes a volume back to a snapshot; its size stays. It is refused while
// an initiator is logged in: a file system that is mounted would be changed under
// its kernel.
func (b *Backend) Rollback(ctx context.Context, r RollbackRequest) (Volume, error) {
	s, then, err := b.snapshotOf(ctx, r.Volume, r.Snapshot)
	if err != nil {
		return Volume{}, err
	}
	release, err := b.execute.Hold(ctx)
	if err != nil {
		return Volume{}, err
	}
	defer release()
	w, err := b.collect(ctx)
	if err != nil {
		return Volume{}, err
	}
	e, err := w.find(b.zfs.Root(), r.Volume)
	if err != nil {
		return Volume{}, err
	}
	if older(e, w) {
		return Volume{}, olderHosts(e)
	}
	if err := strange(e, w); err != nil {
		return Volume{}, err
	}
	ctx = context.WithoutCancel(ctx)
	if err := b.unexport(ctx, e, false); err != nil {
		return Volume{}, classified(err, "cannot roll back volume %s", e.name)
	}
	err = b.rollback(ctx, e, s, then, func(refusal error) error {
		if !r.DestroyNewer {
			return refusal
		}
		return claimedAmong(refusal, w.snapshotsOf(e), e.name, r.Snapshot)
	})
	again := b.reexport(ctx, e)
	if err != nil {
		return Volume{}, classified(joined(err, again), "cannot roll back volume %s to %s", e.name, r.Snapshot)
	}
	if again != nil {
		return Volume{}, classified(again, "volume %s was rolled back, but cannot be exported; the reconciler tries again", e.name)
	}
	return b.Volume(ctx, e.info.Name.String())
}

// rollback takes e back to s, in which it has the size then, and gives it the
// size that it has now. That is noted before, so that whoever comes after a kill
// knows of it. newer is asked with zfs's refusal, which names the newer snapshots,
// whether they may go.
func (b *Backend) rollback(ctx context.Context, e *entry, s zfs.Snapshot, then uint64, newer func(refusal error) error) error {
	if err := b.held(ctx, e); err != nil {
		return err
	}
	size := e.size()
	if then < size {
		kept, err := zfs.NewProperty(sizeProperty, strconv.FormatUint(size, 10))
		if err != nil {
			return err
		}
		if _, err := b.zfs.Run(ctx, zfs.Set(e.volume, kept)); err != nil {
			return err
		}
	}
	_, err := b.zfs.Run(ctx, zfs.Rollback(s, false))
	if errors.Is(err, zfs.ErrNewer) {
		if err = newer(err); err == nil {
			_, err = b.zfs.Run(ctx, zfs.Rollback(s, true))
		}
	}
	if then < size {
		err = errors.Join(err, b.regrow(ctx, e.volume, size))
	}
	return err
}

// held refuses when a backstore has the volume's device although our target is
// gone: a target of another name exports it, and initiators that we do not look
// for may have it mounted. zfs itself would not mind.
func (b *Backend) held(ctx context.Context, e *entry) error {
	all, err := b.iscsi.Backstores(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Device == e.device && s.Enabled {
			return problem.New(problem.InUse, "see who has it with targetcli ls, and remove that target there", "volume %s is exported by a target that is not waddle's: backstore %s has its device", e.info.Name, s.Name)
		}
	}
	return nil
}

// regrow gives a volume the size back that a rollback took.
func (b *Backend) regrow(ctx context.Context, v zfs.Volume, size uint64) error {
	if err := b.zfs.Resize(ctx, v, size); err != nil {
		return fmt.Errorf("its size of %d bytes cannot be given back yet: %w", size, err)
	}
	_, err := b.zfs.Run(ctx, zfs.Inherit(v, sizeProperty))
	return err
}

// claimedAmong refuses to destroy newer snapshots, which zfs has named in its
// refusal line by line, when Kubernetes knows them.
func claimedAmong(refusal error, all []Snapshot, volume, name string) error {
	z, is := errors.AsType[*zfs.Error](refusal)
	if !is {
		return refusal
	}
	named := strings.Split(z.Text, "\n")
	var claimed []string
	for _, s := range all {
		if s.Claim != "" && slices.Contains(named, s.Dataset) {
			claimed = append(claimed, s.Name)
		}
	}
	if len(claimed) == 0 {
		return nil
	}
	p := problem.New(problem.InUse, "delete them there: kubectl delete volumesnapshot …; when Kubernetes has forgotten them: waddle storage snapshot "+volume+" NAME --delete --unclaimed",
		"cannot roll back volume %s to %s: Kubernetes knows %s that would be destroyed", volume, name, counted(len(claimed), "newer snapshot", "newer snapshots"))
	p.Others = claimed
	return p
}

func olderHosts(e *entry) error {
	return problem.New(problem.Conflict, "take it over first: waddle storage adopt", "volume %s is an older host's", e.info.Name)
}

// strange refuses to take down a target that could not be made again: one that
// somebody else made of a volume that waddle does not export.
func strange(e *entry, w *world) error {
	t, is := w.targets[e.asset]
	if e.managed || !is || !exports(t, e.device) {
		return nil
	}
	if older(e, w) {
		return olderHosts(e)
	}
	return problem.New(problem.Conflict, "remove that target first, with targetcli", "volume %s is private, and somebody exports it as target %s", e.info.Name, t.IQN)
}
