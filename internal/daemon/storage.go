package daemon

import (
	"context"
	"math"
	"net/netip"

	"github.com/waddle-social/waddle/internal/csigate/values"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/storage"
)

// storageAPI is the storage service in the contract's words.
type storageAPI struct{ service *storage.Service }

var _ server.Storage = storageAPI{}

func (s storageAPI) Status(ctx context.Context) (api.StorageStatus, error) {
	st, err := s.service.Status(ctx)
	if err != nil {
		return api.StorageStatus{}, err
	}
	if p, err := s.service.Platform(); err == nil && st.Endpoint.Address == "" { // not served yet: where it would be
		st.Endpoint.Address = netip.AddrPortFrom(p.Spec.Network.Internal.Address, uint16(p.Spec.Storage.EndpointPort)).String()
	}
	return statusOf(st), nil
}

func (s storageAPI) Volumes(ctx context.Context) ([]api.Volume, error) {
	b, err := s.service.Backend()
	if err != nil {
		return nil, err
	}
	all, err := b.Volumes(ctx)
	return each(all, volumeOf), err
}

func (s storageAPI) Volume(ctx context.Context, name string) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) { return b.Volume(ctx, name) })
}

// volume does something that has a volume as its answer.
func (s storageAPI) volume(do func(*storage.Backend) (storage.Volume, error)) (api.Volume, error) {
	b, err := s.service.Backend()
	if err != nil {
		return api.Volume{}, err
	}
	v, err := do(b)
	return volumeOf(v), err
}

func (s storageAPI) Create(ctx context.Context, r api.VolumeRequest) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) {
		return b.Create(ctx, storage.CreateRequest{Name: r.Name, Size: size(r.SizeBytes), Private: r.Private})
	})
}

func (s storageAPI) Resize(ctx context.Context, name string, bytes int64) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) { return b.Resize(ctx, name, size(bytes)) })
}

func (s storageAPI) Clone(ctx context.Context, volume string, r api.VolumeClone) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) {
		return b.Clone(ctx, storage.CloneRequest{Volume: volume, Snapshot: r.Snapshot, Name: r.Name, Private: r.Private})
	})
}

func (s storageAPI) Move(ctx context.Context, name string) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) { return b.Move(ctx, name) })
}

func (s storageAPI) Rollback(ctx context.Context, volume string, r api.VolumeRollback) (api.Volume, error) {
	return s.volume(func(b *storage.Backend) (storage.Volume, error) {
		return b.Rollback(ctx, storage.RollbackRequest{Volume: volume, Snapshot: r.Snapshot, DestroyNewer: r.Newer})
	})
}

func (s storageAPI) Delete(ctx context.Context, r server.DeleteVolume) error {
	b, err := s.service.Backend()
	if err != nil {
		return err
	}
	return b.Delete(ctx, storage.DeleteRequest{Name: r.Name, Force: r.Force, Unclaimed: r.Unclaimed, Snapshots: r.Snapshots})
}

func (s storageAPI) Snapshot(ctx context.Context, volume, name string) (api.VolumeSnapshot, error) {
	b, err := s.service.Backend()
	if err != nil {
		return api.VolumeSnapshot{}, err
	}
	taken, err := b.Snapshot(ctx, volume, name)
	return snapshotOf(taken), err
}

func (s storageAPI) DeleteSnapshot(ctx context.Context, volume, name string, unclaimed bool) error {
	b, err := s.service.Backend()
	if err != nil {
		return err
	}
	if !unclaimed {
		v, err := b.Volume(ctx, volume)
		if err != nil {
			return err
		}
		if err := claimedSnapshot(v, name); err != nil {
			return err
		}
	}
	return b.DeleteSnapshot(ctx, volume, name)
}

// claimedSnapshot refuses to take from the cluster what it may still know of.
func claimedSnapshot(v storage.Volume, name string) error {
	for _, s := range v.Snapshots {
		if s.Name == name && s.Claim != "" {
			p := problem.New(problem.InUse, "delete it there: kubectl delete volumesnapshot …; when Kubernetes has forgotten it: --unclaimed",
				"cannot delete snapshot %s of volume %s: Kubernetes knows it as VolumeSnapshotContent %s", name, v.Name, s.Claim)
			p.Others = []string{s.Claim}
			return p
		}
	}
	return nil
}

func (s storageAPI) Sessions(ctx context.Context) ([]api.StorageSession, error) {
	b, err := s.service.Backend()
	if err != nil {
		return nil, err
	}
	all, err := b.Sessions(ctx)
	return each(all, sessionOf), err
}

func (s storageAPI) Orphans(ctx context.Context) ([]api.Orphan, error) {
	b, err := s.service.Backend()
	if err != nil {
		return nil, err
	}
	all, err := b.Orphans(ctx)
	return each(all, orphanOf), err
}

func (s storageAPI) Prepare(ctx context.Context, verb string) (engine.Action, error) {
	return s.service.Prepare(ctx, verb)
}

func (s storageAPI) Adoption(ctx context.Context) (api.StorageAdoption, error) {
	b, err := s.service.Backend()
	if err != nil {
		return api.StorageAdoption{}, err
	}
	a, err := b.Adoption(ctx)
	return api.StorageAdoption{Volumes: each(a.Volumes, candidateOf), Restore: restoreOf(a.Restore)}, err
}

func (s storageAPI) Values(_ context.Context, snapshots, reveal bool) (api.CSIValues, error) {
	p, err := s.service.Platform()
	if err != nil {
		return api.CSIValues{}, err
	}
	o := values.Options{Snapshots: snapshots}
	if reveal {
		secrets, err := s.service.Secrets()
		if err != nil {
			return api.CSIValues{}, err
		}
		o.Secrets = &secrets
	}
	bundle, err := values.Render(p, o)
	return bundleOf(bundle), err
}

// size is a size out of the contract, which has no negative ones.
func size(n int64) uint64 { return uint64(max(n, 0)) }

// bytes is a size in the contract's type, which has no unsigned numbers.
func bytes(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// each converts a list; none is an empty one, as the contract wants it.
func each[A, B any](in []A, to func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, to(a))
	}
	return out
}
