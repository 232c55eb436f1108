package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// clientKey is what only one answer may hold.
const clientKey = "-----BEGIN OPENSSH PRIVATE KEY----- the fake's"

// fakeStorage is a pool with room for 1 GiB in memory. It refuses what the
// drivers refuse.
type fakeStorage struct {
	mu      sync.Mutex
	absent  bool // phase 1 has not made the dataset
	volumes map[string]*api.Volume
}

func newFakeStorage() *fakeStorage { return &fakeStorage{volumes: map[string]*api.Volume{}} }

// String is the whole pool, a line a volume.
func (f *fakeStorage) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, v := range f.volumes {
		line := fmt.Sprintf("%s %d", v.Name, v.SizeBytes)
		for _, s := range v.Snapshots {
			line += " @" + s.Name
		}
		lines = append(lines, line+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// put places a volume as somebody else has made it.
func (f *fakeStorage) put(v api.Volume) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.volumes[v.Name] = complete(v)
}

func complete(v api.Volume) *api.Volume {
	if v.Dataset == "" {
		v.Dataset = "rpool/k8s-csi/v/" + v.Name
	}
	v.State, v.BlockBytes, v.Created, v.CompressionRatio = api.VolumeStateReady, 16384, time.Unix(1_795_500_000, 0).UTC(), 1
	v.Faults = []string{}
	if v.Sessions == nil {
		v.Sessions = []api.StorageSession{}
	}
	if v.Snapshots == nil {
		v.Snapshots = []api.VolumeSnapshot{}
	}
	return &v
}

// with holds the pool and refuses when there is none.
func (f *fakeStorage) with(do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.absent {
		return problem.New(problem.NeedsNotDone, "waddle apply --through 1", "the dataset rpool/k8s-csi is not there")
	}
	return do()
}

// on is with, for one volume, of which it returns a copy.
func (f *fakeStorage) on(name string, do func(v *api.Volume) error) (out api.Volume, err error) {
	err = f.with(func() error {
		v := f.volumes[name]
		if v == nil {
			return problem.New(problem.NotFound, "see what there is: waddle storage volumes", "there is no volume %s", name)
		}
		if err := do(v); err != nil {
			return err
		}
		out = *v
		return nil
	})
	return out, err
}

func (f *fakeStorage) Status(context.Context) (api.StorageStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := api.StorageStatus{Ready: !f.absent, Faults: []string{}, Pool: api.StoragePool{Name: "rpool"}, Dataset: api.StorageDataset{Name: "rpool/k8s-csi"}}
	if f.absent {
		s.Faults = append(s.Faults, "the dataset rpool/k8s-csi is not there: waddle apply --through 1")
	}
	s.Counts.Volumes = len(f.volumes)
	return s, nil
}

func (f *fakeStorage) Sessions(context.Context) (all []api.StorageSession, err error) {
	return []api.StorageSession{}, f.with(func() error { return nil })
}

func (f *fakeStorage) Orphans(context.Context) ([]api.Orphan, error) {
	return []api.Orphan{}, f.with(func() error { return nil })
}

func (f *fakeStorage) Adoption(context.Context) (api.StorageAdoption, error) {
	return api.StorageAdoption{Volumes: []api.AdoptionCandidate{}, Restore: api.TargetcliRestore{Foreign: []string{}}}, f.with(func() error { return nil })
}

func (f *fakeStorage) Prepare(_ context.Context, verb string) (engine.Action, error) {
	return engine.Action{Verb: verb, Subject: "rpool/k8s-csi"}, f.with(func() error { return nil })
}

func (f *fakeStorage) Values(_ context.Context, snapshots, reveal bool) (api.CSIValues, error) {
	v := api.CSIValues{Releases: []api.CSIRelease{}, Manifests: []api.CSIManifest{{Name: "controller-config.yaml", Secret: true, Yaml: "privateKey: (secret)\n"}}}
	if reveal {
		v.Manifests[0].Yaml = "privateKey: " + clientKey + "\n"
	}
	if snapshots {
		v.Manifests = append(v.Manifests, api.CSIManifest{Name: "snapshot-class.yaml", Yaml: "kind: VolumeSnapshotClass\n"})
	}
	return v, nil
}

func (f *fakeStorage) Volumes(context.Context) (all []api.Volume, err error) {
	err = f.with(func() error {
		for _, v := range f.volumes {
			all = append(all, *v)
		}
		return nil
	})
	return all, err
}

func (f *fakeStorage) Volume(_ context.Context, name string) (api.Volume, error) {
	return f.on(name, func(*api.Volume) error { return nil })
}

func fits(bytes int64) error {
	switch {
	case bytes%16384 != 0:
		return problem.New(problem.InvalidRequest, "round it up", "size %d must be a multiple of 16384", bytes)
	case bytes > 1<<30:
		return problem.New(problem.NoSpace, "delete volumes", "%d bytes do not fit", bytes)
	}
	return nil
}

func (f *fakeStorage) Create(_ context.Context, r api.VolumeRequest) (out api.Volume, err error) {
	err = f.with(func() error {
		if err := fits(r.SizeBytes); err != nil {
			return err
		}
		if f.volumes[r.Name] != nil {
			return problem.New(problem.Conflict, "choose another name", "volume %s is there already", r.Name)
		}
		f.volumes[r.Name] = complete(api.Volume{Name: r.Name, SizeBytes: r.SizeBytes})
		out = *f.volumes[r.Name]
		return nil
	})
	return out, err
}

func (f *fakeStorage) Resize(_ context.Context, name string, bytes int64) (api.Volume, error) {
	return f.on(name, func(v *api.Volume) error {
		if bytes < v.SizeBytes {
			return problem.New(problem.InvalidRequest, "make a smaller one", "volumes only grow")
		}
		v.SizeBytes = bytes
		return fits(bytes)
	})
}

func (f *fakeStorage) Clone(ctx context.Context, volume string, r api.VolumeClone) (api.Volume, error) {
	v, err := f.Volume(ctx, volume)
	if err != nil {
		return v, err
	}
	return f.Create(ctx, api.VolumeRequest{Name: r.Name, SizeBytes: v.SizeBytes})
}

func (f *fakeStorage) Move(_ context.Context, name string) (api.Volume, error) {
	return f.on(name, func(v *api.Volume) error {
		to := "rpool/k8s-csi/v/" + v.Name
		if v.Dataset != to && len(v.Sessions) > 0 {
			return problem.New(problem.InUse, "log out", "an initiator is logged in to %s", v.Name)
		}
		v.Dataset = to
		return nil
	})
}

func (f *fakeStorage) Delete(_ context.Context, r DeleteVolume) error {
	_, err := f.on(r.Name, func(v *api.Volume) error {
		switch {
		case len(v.Sessions) > 0 && !r.Force:
			return problem.New(problem.InUse, "log out, or add force", "an initiator is logged in to %s", v.Name)
		case v.PersistentVolume != "" && !r.Unclaimed:
			return problem.New(problem.InUse, "delete the claim, or add unclaimed", "Kubernetes knows %s", v.Name)
		case len(v.Snapshots) > 0 && !r.Snapshots:
			return problem.New(problem.InUse, "delete them, or add snapshots", "%s has snapshots", v.Name)
		}
		delete(f.volumes, v.Name)
		return nil
	})
	return err
}

func (f *fakeStorage) Snapshot(_ context.Context, volume, name string) (api.VolumeSnapshot, error) {
	s := api.VolumeSnapshot{Name: name, Created: time.Unix(1_795_500_060, 0).UTC()}
	_, err := f.on(volume, func(v *api.Volume) error {
		if slices.ContainsFunc(v.Snapshots, func(s api.VolumeSnapshot) bool { return s.Name == name }) {
			return problem.New(problem.Conflict, "choose another name", "snapshot %s is there already", name)
		}
		v.Snapshots = append(v.Snapshots, s)
		return nil
	})
	return s, err
}

func (f *fakeStorage) Rollback(_ context.Context, volume string, r api.VolumeRollback) (api.Volume, error) {
	return f.on(volume, func(v *api.Volume) error {
		i := slices.IndexFunc(v.Snapshots, func(s api.VolumeSnapshot) bool { return s.Name == r.Snapshot })
		switch {
		case i < 0:
			return problem.New(problem.NotFound, "", "there is no snapshot %s", r.Snapshot)
		case i+1 < len(v.Snapshots) && !r.Newer:
			return problem.New(problem.Conflict, "add newer", "there are newer snapshots")
		}
		v.Snapshots = v.Snapshots[:i+1]
		return nil
	})
}

func (f *fakeStorage) DeleteSnapshot(_ context.Context, volume, name string, unclaimed bool) error {
	_, err := f.on(volume, func(v *api.Volume) error {
		i := slices.IndexFunc(v.Snapshots, func(s api.VolumeSnapshot) bool { return s.Name == name })
		switch {
		case i < 0:
			return problem.New(problem.NotFound, "", "there is no snapshot %s", name)
		case v.Snapshots[i].Claim != "" && !unclaimed:
			return problem.New(problem.InUse, "add unclaimed", "Kubernetes knows snapshot %s", name)
		}
		v.Snapshots = slices.Delete(slices.Clone(v.Snapshots), i, i+1)
		return nil
	})
	return err
}
