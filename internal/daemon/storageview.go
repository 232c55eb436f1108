package daemon

import (
	"fmt"

	"github.com/waddle-social/waddle/internal/csigate/values"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/storage"
)

func statusOf(s storage.Status) api.StorageStatus {
	faults := append([]string{}, s.Faults...)
	if !s.Present && s.Pool.Health != "" && !s.Pool.Suspended() {
		faults = append(faults, fmt.Sprintf("the dataset %s is not there: waddle apply --through 1", s.Dataset))
	}
	return api.StorageStatus{
		Ready:  s.Present && s.Target.Ready && !s.Pool.ReadOnly,
		Faults: faults,
		Pool: api.StoragePool{
			Name: s.Pool.Name, Health: s.Pool.Health, ReadOnly: s.Pool.ReadOnly, SizeBytes: bytes(s.Pool.Size),
			AllocatedBytes: bytes(s.Pool.Allocated), FreeBytes: bytes(s.Pool.Free), Fragmentation: bytes(s.Pool.Fragmentation),
		},
		Dataset: api.StorageDataset{
			Name: s.Dataset, Present: s.Present, QuotaBytes: bytes(s.Quota), UsedBytes: bytes(s.Used), AvailableBytes: bytes(s.Available),
			ReferencedBytes: bytes(s.Referenced), PromisedBytes: bytes(s.Promised), CompressionRatio: s.Compression,
		},
		Targets:  api.StorageTargets{IqnBase: s.IQNBase, Portal: s.Portal, Chap: s.CHAP, Fault: s.Target.Reason},
		Endpoint: endpointOf(s.Endpoint),
		Counts: api.StorageCounts{
			Volumes: s.Volumes, Snapshots: s.Snapshots, Targets: s.Targets, Sessions: s.Sessions, Orphans: s.Orphans,
			ForeignTargets: s.ForeignTargets, ForeignBackstores: s.ForeignBackstores,
		},
	}
}

func endpointOf(e storage.Endpoint) api.StorageEndpoint {
	return api.StorageEndpoint{
		Address: e.Address, Serving: e.Serving, Since: e.Since, Reason: e.Reason, User: e.User, HostKey: e.HostKey, ClientKey: e.ClientKey,
	}
}

func volumeOf(v storage.Volume) api.Volume {
	out := api.Volume{
		Name: v.Name, Dataset: v.Dataset, Device: v.Device, State: api.VolumeState(v.State), Faults: append([]string{}, v.Faults...),
		SizeBytes: bytes(v.Size), BlockBytes: bytes(v.Block), UsedBytes: bytes(v.Used), ReferencedBytes: bytes(v.Referenced),
		LogicalBytes: bytes(v.Logical), SnapshotBytes: bytes(v.BySnapshots), ReservedBytes: bytes(v.Reserved), CompressionRatio: v.Compression,
		Created: v.Created, Origin: v.Origin, Snapshots: each(v.Snapshots, snapshotOf), Sessions: []api.StorageSession{},
	}
	if v.Claim != nil {
		out.PersistentVolume = v.Claim.Volume
		if out.PersistentVolume == "" { // the driver was stopped before it wrote it
			out.PersistentVolume = v.Name
		}
	}
	if t := v.Target; t != nil {
		out.Target = &api.VolumeTarget{Iqn: t.IQN, Lun: t.LUN, Backstore: t.Backstore, Enabled: t.Enabled, Portals: append([]string{}, t.Portals...)}
		out.Sessions = each(t.Sessions, sessionOf)
		if c := t.Counters; c != nil {
			out.Target.Counters = &api.VolumeCounters{
				Logins: bytes(c.Logins), RefusedLogins: bytes(c.Refused), Commands: bytes(c.Commands), ReadMiB: bytes(c.ReadMiB), WrittenMiB: bytes(c.WrittenMiB),
			}
		}
	}
	return out
}

func snapshotOf(s storage.Snapshot) api.VolumeSnapshot {
	return api.VolumeSnapshot{
		Name: s.Name, Created: s.Created, UsedBytes: bytes(s.Used), ReferencedBytes: bytes(s.Referenced), SizeBytes: bytes(s.Size),
		Claim: s.Claim, Clones: s.Clones,
	}
}

func sessionOf(s storage.Session) api.StorageSession {
	return api.StorageSession{
		Initiator: s.Initiator, State: s.State, Addresses: append([]string{}, s.Addresses...), Target: s.IQN, Volume: s.Volume,
	}
}

func orphanOf(o storage.Orphan) api.Orphan {
	return api.Orphan{Kind: string(o.Kind), Object: o.Object, Volume: o.Volume, Detail: o.Detail, Repairable: o.Repair, Hint: o.Advice}
}

func candidateOf(c storage.Candidate) api.AdoptionCandidate {
	return api.AdoptionCandidate{
		Name: c.Name, Dataset: c.Dataset, Target: c.IQN, Sessions: len(c.Sessions), Changes: append([]string{}, c.Changes...), Problem: c.Problem,
	}
}

func restoreOf(r storage.Restore) api.TargetcliRestore {
	return api.TargetcliRestore{Enabled: r.Enabled, Saved: r.Saved, Foreign: append([]string{}, r.Foreign...)}
}

func bundleOf(b values.Bundle) api.CSIValues {
	return api.CSIValues{
		Manifests: each(b.Manifests, func(m values.Manifest) api.CSIManifest {
			return api.CSIManifest{Name: m.Name, Secret: m.Secret, Yaml: string(m.YAML)}
		}),
		Releases: each(b.Releases, func(r values.Release) api.CSIRelease {
			return api.CSIRelease{Name: r.Name, Namespace: r.Namespace, Repository: r.Repository, Chart: r.Chart, Version: r.Version, Values: string(r.Values)}
		}),
	}
}
