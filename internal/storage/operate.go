package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// CreateRequest is a new volume.
type CreateRequest struct {
	Name    string
	Size    uint64 // bytes, a multiple of 16 KiB
	Private bool   // without a target
}

// CloneRequest is a new volume that shares its blocks with a snapshot, which
// cannot be deleted as long as the clone is there.
type CloneRequest struct {
	Volume   string // whose snapshot it is
	Snapshot string // behind the @; empty takes one called waddle-clone-<Name> first, which goes with the clone
	Name     string // the clone's
	Private  bool
}

// DeleteRequest says how far a delete goes.
type DeleteRequest struct {
	Name string
	// Force cuts off the initiators that are logged in; what they have not written
	// yet is lost. Without it they are a refusal.
	Force bool
	// Unclaimed says that Kubernetes may lose the volume: without it one that
	// democratic-csi made is refused.
	Unclaimed bool
	// Snapshots lets its snapshots go too. Clones are never deleted with it.
	Snapshots bool
}

// Create makes a volume of an operator's, and its target.
func (b *Backend) Create(ctx context.Context, r CreateRequest) (Volume, error) {
	v, err := b.newName(r.Name)
	if err != nil {
		return Volume{}, err
	}
	block, err := zfs.NewProperty("volblocksize", execute.BlockSize)
	if err != nil {
		return Volume{}, err
	}
	return b.make(ctx, v, r.Size, r.Private, func(ctx context.Context, own []zfs.Property) error {
		_, err := b.zfs.Create(ctx, zfs.CreateVolumeSpec{Volume: v, Size: r.Size, Sparse: true, Properties: append(own, block)})
		return err
	})
}

// Clone makes a volume of an operator's from a snapshot.
func (b *Backend) Clone(ctx context.Context, r CloneRequest) (Volume, error) {
	to, err := b.newName(r.Name)
	if err != nil {
		return Volume{}, err
	}
	if r.Snapshot == "" {
		return b.cloneNow(ctx, r, to)
	}
	return b.clone(ctx, r, to)
}

func (b *Backend) clone(ctx context.Context, r CloneRequest, to zfs.Volume) (Volume, error) {
	from, size, err := b.snapshotOf(ctx, r.Volume, r.Snapshot)
	if err != nil {
		return Volume{}, err
	}
	return b.make(ctx, to, size, r.Private, func(ctx context.Context, own []zfs.Property) error {
		_, err := b.zfs.CloneVolume(ctx, from, to, own...)
		return err
	})
}

// make accounts for a volume, makes it and exports it. The property that asks
// for the target is there from the beginning, so that a run that is killed in
// between is finished by the reconciler.
func (b *Backend) make(ctx context.Context, v zfs.Volume, size uint64, private bool, create func(context.Context, []zfs.Property) error) (Volume, error) {
	if err := b.free(ctx, v); err != nil {
		return Volume{}, err
	}
	export, err := zfs.NewProperty(exportProperty, map[bool]string{true: "off", false: "on"}[private])
	if err != nil {
		return Volume{}, err
	}
	settle, err := b.execute.Reserve(ctx, v, size)
	if err != nil {
		return Volume{}, noRoom(err, "cannot create volume %s", v.Base())
	}
	// What has begun is finished, also when the caller goes.
	ctx = context.WithoutCancel(ctx)
	err = create(ctx, []zfs.Property{export})
	if errors.Is(err, zfs.ErrNoDevice) {
		// It is as new and empty as it could be, and would only be in the way of the
		// next try.
		_, gone := b.zfs.Run(ctx, zfs.Destroy(v, zfs.DestroyOptions{}))
		err = joinedBy(err, "; and what was made cannot be removed: %w", gone)
	}
	settle(err == nil)
	if err != nil {
		return Volume{}, classified(err, "cannot create volume %s", v.Base())
	}
	if !private {
		if err := b.export(ctx, v); err != nil {
			return Volume{}, classified(err, "volume %s was made, but cannot be exported; the reconciler tries again", v.Base())
		}
	}
	return b.Volume(ctx, v.String())
}

// free refuses a name that a volume or target has already, in whatever case.
func (b *Backend) free(ctx context.Context, v zfs.Volume) error {
	w, err := b.collect(ctx)
	if err != nil {
		return err
	}
	for _, e := range w.entries {
		if e.info.Name == v.Name || e.asset == execute.Asset(v) {
			return problem.New(problem.Conflict, "choose another name", "volume %s is there already, and has the target name %s", e.info.Name, e.asset)
		}
	}
	if t, is := w.targets[execute.Asset(v)]; is {
		return problem.New(problem.Conflict, "choose another name, or see: waddle storage orphans", "target %s is there already", t.IQN)
	}
	return nil
}

func (b *Backend) export(ctx context.Context, v zfs.Volume) error {
	t, err := b.policy.Target(b.iscsi.Base(), v, b.zfs.Device(v))
	if err != nil {
		return err
	}
	_, err = b.iscsi.Ensure(ctx, t)
	return err
}

// Resize grows a volume. Initiators see the new size after a rescan; a file
// system has to be grown there. The size it has already is success.
func (b *Backend) Resize(ctx context.Context, name string, size uint64) (Volume, error) {
	e, err := b.one(ctx, name)
	if err != nil {
		return Volume{}, err
	}
	if size < e.info.VolumeSize {
		return Volume{}, problem.New(problem.InvalidRequest, "make a smaller volume and copy the files; cutting a device destroys the file system on it",
			"cannot resize volume %s: it has %d bytes and volumes only grow, not shrink to %d", e.name, e.info.VolumeSize, size)
	}
	settle, err := b.execute.Reserve(ctx, e.volume, size)
	if err != nil {
		return Volume{}, noRoom(err, "cannot resize volume %s", e.name)
	}
	ctx = context.WithoutCancel(ctx)
	err = b.zfs.Resize(ctx, e.volume, size)
	settle(err == nil)
	if err != nil {
		return Volume{}, classified(err, "cannot resize volume %s", e.name)
	}
	return b.Volume(ctx, e.info.Name.String())
}

// helperPrefix is that of the snapshots that democratic-csi makes and deletes
// beside those that were asked for.
const helperPrefix = "volume-source-for-"

// Snapshot takes a snapshot of a volume. What the initiator has in its memory is
// not in it: it is as after a power failure.
func (b *Backend) Snapshot(ctx context.Context, volume, name string) (Snapshot, error) {
	e, err := b.one(ctx, volume)
	if err != nil {
		return Snapshot{}, err
	}
	for prefix, who := range map[string]string{helperPrefix: "democratic-csi", cloneSource(""): "waddle"} {
		if strings.HasPrefix(name, prefix) {
			return Snapshot{}, problem.New(problem.InvalidRequest, "choose another name",
				"cannot take snapshot %s: %s deletes snapshots of such names together with what it makes from them", short(name), who)
		}
	}
	return b.snapshot(ctx, e, name)
}

func (b *Backend) snapshot(ctx context.Context, e *entry, name string) (Snapshot, error) {
	s, err := e.info.Name.Snapshot(name)
	if err != nil {
		return Snapshot{}, badName(err)
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := b.zfs.Run(ctx, zfs.TakeSnapshot(s)); err != nil {
		return Snapshot{}, classified(err, "cannot take snapshot %s", s)
	}
	infos, err := b.zfs.Get(ctx, properties, s)
	if err != nil {
		return Snapshot{}, classified(err, "cannot read snapshot %s", s)
	}
	return snapshot(infos[0], name, e.name), nil
}

// DeleteSnapshot deletes one; one that clones were made of is a conflict.
func (b *Backend) DeleteSnapshot(ctx context.Context, volume, name string) error {
	s, _, err := b.snapshotOf(ctx, volume, name)
	if err != nil {
		return err
	}
	_, err = b.zfs.Run(context.WithoutCancel(ctx), zfs.Destroy(s, zfs.DestroyOptions{}))
	return classified(err, "cannot delete snapshot %s", s)
}

// unexport takes a volume's target away; a target of its name that exports
// something else stays.
func (b *Backend) unexport(ctx context.Context, e *entry, force bool) error {
	iqn, err := b.iscsi.Base().Target(e.asset)
	if err != nil {
		return nil // it cannot have one
	}
	t, err := b.iscsi.Show(ctx, iqn)
	if err == nil && !exports(t, e.device) {
		for _, l := range t.LUNs {
			if l.Device != "" {
				return nil
			}
		}
	}
	return b.iscsi.Delete(ctx, iqn, force)
}

func (b *Backend) reexport(ctx context.Context, e *entry) error {
	if !e.managed || e.clash != nil {
		return nil
	}
	t, err := b.policy.TargetOf(b.iscsi.Base(), e.asset, e.device)
	if err != nil {
		return err
	}
	_, err = b.iscsi.Ensure(ctx, t)
	return err
}

// Delete deletes a volume. What keeps zfs from it is asked for before the target
// goes, so that a refused delete leaves the volume exported.
func (b *Backend) Delete(ctx context.Context, r DeleteRequest) error {
	release, err := b.execute.Hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	w, err := b.collect(ctx)
	if err != nil {
		return err
	}
	e, err := w.find(b.zfs.Root(), r.Name)
	if err != nil {
		return err
	}
	v, err := b.view(ctx, w, e)
	if err != nil {
		return err
	}
	if err := refuseDelete(v, r); err != nil {
		return err
	}
	if err := strange(e, w); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if err := b.unexport(ctx, e, r.Force); err != nil {
		return classified(err, "cannot delete volume %s", v.Name)
	}
	// Recursive only when that was asked for: a snapshot that was taken since it was
	// looked at keeps the volume.
	_, err = b.zfs.Run(ctx, zfs.Destroy(e.volume, zfs.DestroyOptions{Recursive: r.Snapshots, Force: true}))
	if err != nil {
		again := b.reexport(ctx, e)
		return classified(joined(err, again), "cannot delete volume %s", v.Name)
	}
	b.execute.Forget(e.volume)
	b.dropCloneSource(ctx, e.info.Origin, v.Name)
	return nil
}

func joined(err, again error) error {
	return joinedBy(err, "; and its target cannot be made again yet: %w", again)
}

func joinedBy(err error, format string, more error) error {
	if more == nil {
		return err
	}
	return fmt.Errorf("%w"+format, err, more)
}

// refuseDelete says what stands in the way of a delete.
func refuseDelete(v Volume, r DeleteRequest) error {
	refuse := func(others []string, hint, format string, args ...any) error {
		p := problem.New(problem.InUse, hint, "cannot delete volume %s: %s", v.Name, fmt.Sprintf(format, args...))
		p.Others = others
		return p
	}
	var names, clones []string
	for _, s := range v.Snapshots {
		names = append(names, s.Name)
		clones = append(clones, s.Clones...)
	}
	if len(clones) > 0 {
		return refuse(clones, "delete the clones first", "%s made from its snapshots", counted(len(clones), "volume was", "volumes were"))
	}
	if v.Claim != nil && !r.Unclaimed {
		name := v.Claim.Volume
		if name == "" {
			name = v.Name
		}
		return refuse([]string{name}, "delete the claim there: kubectl delete pvc …; when Kubernetes has forgotten it: --unclaimed", "Kubernetes knows it as PersistentVolume %s", name)
	}
	if t := v.Target; t != nil && len(t.Sessions) > 0 && !r.Force {
		var who []string
		for _, s := range t.Sessions {
			who = append(who, s.Initiator)
		}
		return refuse(who, "stop what uses it; --force cuts them off, and what they have not written yet is lost", "%s logged in to it", counted(len(who), "initiator is", "initiators are"))
	}
	if len(names) > 0 && !r.Snapshots {
		return refuse(names, "delete them first, or with it: --snapshots", "it has %s", counted(len(names), "snapshot", "snapshots"))
	}
	return nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// one returns a volume as it is now.
func (b *Backend) one(ctx context.Context, name string) (*entry, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	return w.find(b.zfs.Root(), name)
}

// snapshotOf returns a snapshot of a volume and the volume's size in it.
func (b *Backend) snapshotOf(ctx context.Context, volume, name string) (zfs.Snapshot, uint64, error) {
	e, err := b.one(ctx, volume)
	if err != nil {
		return zfs.Snapshot{}, 0, err
	}
	s, err := e.info.Name.Snapshot(name)
	if err != nil {
		return s, 0, badName(err)
	}
	infos, err := b.zfs.Get(ctx, nil, s)
	if err != nil {
		return s, 0, classified(err, "cannot use snapshot %s", s)
	}
	return s, infos[0].VolumeSize, nil
}

// newName parses the name of a volume that is to be made.
func (b *Backend) newName(name string) (zfs.Volume, error) {
	n, err := b.zfs.Root().Dataset().Child(volumesChild, name)
	if err != nil {
		return zfs.Volume{}, badName(err)
	}
	v, err := n.Volume()
	if err != nil {
		return v, badName(err)
	}
	if _, err := b.iscsi.Base().Target(execute.Asset(v)); err != nil || strings.Contains(name, ":") {
		return v, problem.New(problem.InvalidRequest, "use letters, digits, - and . ", "volume name %s cannot be part of an iSCSI name", short(name))
	}
	return v, nil
}

func badName(err error) error {
	return problem.Wrap(problem.InvalidRequest, err, "use letters, digits, - and . ", "this name cannot be used")
}

// noRoom is a refusal of the account.
func noRoom(err error, format string, args ...any) error {
	if grammar.IsRefusal(err) {
		return problem.Wrap(problem.NoSpace, err, "delete volumes, or raise spec.storage.quota, spec.storage.overcommit or spec.storage.maxVolumes", format, args...)
	}
	return classified(err, format, args...)
}
