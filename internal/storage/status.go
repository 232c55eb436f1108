package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Status is the storage at a glance. Sizes are bytes.
type Status struct {
	Dataset     string
	Present     bool // phase 1 has made it
	Pool        Pool
	Used        uint64 // by everything below the dataset
	Available   uint64 // to it
	Referenced  uint64 // by the present data of all volumes
	Promised    uint64 // sizes of all volumes together
	Quota       uint64 // 0: the pool's size is the only bound
	Compression float64
	Volumes     int
	Snapshots   int
	Targets     int
	Sessions    int
	// Foreign are targets and backstores on this host that are not of this
	// platform.
	ForeignTargets    int
	ForeignBackstores int
	Orphans           int
	Portal            string
	IQNBase           string
	CHAP              string // none, oneWay or mutual
	Target            TargetService
	Endpoint          Endpoint // filled in by the Service
	Faults            []string // what could not be read, or is wrong with the pool
}

// Pool is the pool that the dataset is in.
type Pool struct {
	Name          string
	Health        string // ONLINE, DEGRADED, …; empty when it could not be read
	Size          uint64
	Allocated     uint64
	Free          uint64
	Fragmentation uint64 // percent
	ReadOnly      bool
}

// Suspended reports whether the pool does nothing any more, because its devices
// have failed.
func (p Pool) Suspended() bool { return p.Health == "SUSPENDED" }

// TargetService is the kernel's iSCSI target.
type TargetService struct {
	Ready  bool   // configfs is mounted and the modules are loaded
	Reason string // why it is not
}

// Status reads it all. A part that cannot be read is a fault, not an error:
// an operator looks here when something is wrong.
func (b *Backend) Status(ctx context.Context) (Status, error) {
	s := Status{
		Dataset: b.zfs.Root().String(), Quota: b.quota, Portal: b.policy.Portal.String(),
		IQNBase: b.iscsi.Base().String(), CHAP: string(b.spec.CHAP), Target: TargetService{Ready: true}, Faults: []string{},
	}
	if err := ctx.Err(); err != nil {
		return s, err
	}
	b.poolStatus(ctx, &s)
	if s.Pool.Suspended() { // zfs would not come back before it is resumed
		return s, nil
	}
	if _, err := b.iscsi.List(ctx); err != nil {
		s.Target = TargetService{Reason: err.Error()}
	}
	root, err := b.zfs.Get(ctx, nil, b.zfs.Root().Dataset())
	switch {
	case errors.Is(err, zfs.ErrNotExist):
		return s, nil
	case err != nil:
		s.Faults = append(s.Faults, err.Error())
		return s, nil
	}
	s.Present, s.Used, s.Available, s.Compression = true, root[0].Used, root[0].Available, root[0].CompressionRatio
	if !s.Target.Ready {
		return s, nil
	}
	return s, b.count(ctx, &s)
}

func (b *Backend) poolStatus(ctx context.Context, s *Status) {
	p, err := b.zfs.Pool(ctx)
	s.Pool.Name = b.zfs.Root().Pool()
	if err != nil {
		s.Faults = append(s.Faults, err.Error())
		return
	}
	s.Pool = Pool(p)
	if !p.Healthy() {
		text := "pool " + p.Name + " is " + p.Health + "; see zpool status"
		if s.Pool.Suspended() {
			text += ": it does nothing until its devices are back and it is resumed with zpool clear, and the volumes wait with it"
		}
		s.Faults = append(s.Faults, text)
	}
	if p.Size > 0 && p.Allocated > p.Size/10*9 {
		s.Faults = append(s.Faults, fmt.Sprintf("pool %s is %d%% full; zfs gets slow, and writes fail when nothing is left: delete snapshots or volumes, or add disks", p.Name, p.Allocated/(p.Size/100)))
	}
}

func (b *Backend) count(ctx context.Context, s *Status) error {
	w, err := b.collect(ctx)
	if err != nil {
		return err
	}
	s.Volumes, s.Snapshots, s.Targets, s.ForeignTargets = len(w.entries), len(w.snapshots)+len(w.detached), len(w.targets), len(w.foreign)
	owed := uint64(0)
	for _, e := range w.entries {
		s.Referenced += e.info.Referenced
		s.Promised += e.info.VolumeSize
		// What is reserved is not among what is available.
		owed += e.info.VolumeSize - min(e.info.VolumeSize, max(e.info.Referenced, e.info.RefReservation))
	}
	// With more promised than there is somebody has chosen that.
	if owed > s.Available && b.policy.Overcommit <= 100 {
		s.Faults = append(s.Faults, fmt.Sprintf("the volumes may still be written %d bytes, and %d are available: snapshots, or what else is on pool %s, has taken the rest; writes fail when nothing is left",
			owed, s.Available, b.zfs.Root().Pool()))
	}
	for _, t := range w.targets {
		found, err := b.iscsi.Sessions(ctx, t.IQN)
		if err != nil && !errors.Is(err, iscsi.ErrNotExist) {
			return err
		}
		s.Sessions += len(found)
	}
	if s.ForeignBackstores, err = b.iscsi.ForeignBackstores(ctx); err != nil {
		return err
	}
	found, err := b.examine(ctx, w)
	if err != nil {
		return err
	}
	s.Orphans = len(found)
	s.Faults = append(s.Faults, withoutDevices(found)...)
	return nil
}

// withoutDevices says in a sentence that volumes cannot be exported.
func withoutDevices(found []finding) []string {
	var without []finding
	for _, f := range found {
		if f.deviceless {
			without = append(without, f)
		}
	}
	if len(without) == 0 {
		return nil
	}
	first := without[0]
	return []string{fmt.Sprintf("%s not exported for want of its device, %s: %s (%s)", counted(len(without), "volume is", "volumes are"), first.Volume, first.Detail, first.Advice)}
}
