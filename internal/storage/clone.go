package storage

import (
	"context"
	"errors"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// cloneSource is the name of the snapshot that a clone of what is there now is
// made of. It is ours: it goes with the clone, and one that a killed run left is
// taken anew.
func cloneSource(clone string) string { return "waddle-clone-" + clone }

// cloneNow takes a snapshot and clones it. Two runs for one name would take the
// snapshot away from each other, so only one at a time does this.
func (b *Backend) cloneNow(ctx context.Context, r CloneRequest, to zfs.Volume) (Volume, error) {
	release, err := b.execute.Hold(ctx)
	if err != nil {
		return Volume{}, err
	}
	defer release()
	if err := b.free(ctx, to); err != nil {
		return Volume{}, err
	}
	e, err := b.one(ctx, r.Volume)
	if err != nil {
		return Volume{}, err
	}
	r.Snapshot = cloneSource(r.Name)
	s, err := e.info.Name.Snapshot(r.Snapshot)
	if err != nil {
		return Volume{}, badName(err)
	}
	if err := b.dropLeftover(ctx, s); err != nil {
		return Volume{}, err
	}
	if _, err := b.snapshot(ctx, e, r.Snapshot); err != nil {
		return Volume{}, err
	}
	v, err := b.clone(ctx, r, to)
	if err != nil {
		b.dropCloneSource(ctx, s, r.Name)
	}
	return v, err
}

// dropLeftover removes the source of a clone that is not there any more.
func (b *Backend) dropLeftover(ctx context.Context, s zfs.Snapshot) error {
	_, err := b.zfs.Run(context.WithoutCancel(ctx), zfs.Destroy(s, zfs.DestroyOptions{}))
	switch {
	case err == nil, errors.Is(err, zfs.ErrNotExist):
		return nil
	case errors.Is(err, zfs.ErrDependents):
		return problem.Wrap(problem.InUse, err, "choose another name", "cannot take snapshot %s: another volume was made of it", s)
	}
	return classified(err, "cannot take snapshot %s", s)
}

// dropCloneSource removes the source of a clone that was not made, or is gone.
// One that another clone needs stays, and so does one that cannot be removed
// now: the next clone of the name takes it anew.
func (b *Backend) dropCloneSource(ctx context.Context, s zfs.Snapshot, clone string) {
	if s.String() == "" || s.Name() != cloneSource(clone) {
		return
	}
	_, _ = b.zfs.Run(context.WithoutCancel(ctx), zfs.Destroy(s, zfs.DestroyOptions{}))
}
