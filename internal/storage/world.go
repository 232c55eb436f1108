package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// The user properties that are read of volumes and snapshots. exportProperty is
// ours: on a volume that an operator made or took over it says what
// managed_resource says on one of democratic-csi.
const (
	nameProperty       = "democratic-csi:csi_volume_name"
	managedProperty    = "democratic-csi:managed_resource"
	completeProperty   = "democratic-csi:provision_success"
	assetProperty      = "democratic-csi:iscsi_assets_name"
	instanceProperty   = "democratic-csi:volume_context_provisioner_instance_id"
	sourceTypeProperty = "democratic-csi:csi_volume_content_source_type"
	sourceIDProperty   = "democratic-csi:csi_volume_content_source_id"
	snapshotProperty   = "democratic-csi:csi_snapshot_name"
	exportProperty     = "waddle:export"
)

var properties = []string{
	nameProperty, managedProperty, completeProperty, assetProperty, instanceProperty,
	sourceTypeProperty, sourceIDProperty, snapshotProperty, exportProperty, sizeProperty,
}

// The children of the root dataset (zfs.Layout).
const (
	volumesChild  = "v"
	detachedChild = "s"
)

// entry is one volume of the world.
type entry struct {
	info    zfs.Info
	volume  zfs.Volume
	device  string
	name    string // what it is called in requests and answers; see names
	asset   string // what its target is called behind the base name
	legacy  bool
	managed bool // it is to have a target
	driver  bool // democratic-csi made it
	clash   *entry
}

func (e *entry) complete() bool { return !e.driver || e.info.User[completeProperty] == "true" }

// youthful is how long democratic-csi has for making a volume before one that it
// has not finished counts as left behind.
const youthful = time.Minute

func (b *Backend) young(e *entry) bool {
	return !e.complete() && time.Since(e.info.Created) < b.youth
}

// world is everything below the root dataset and the base name at one time.
type world struct {
	entries   []*entry // by dataset
	snapshots []zfs.Info
	detached  []zfs.Info
	skipped   []string
	targets   map[string]iscsi.State // by asset
	foreign   []string               // targets of other base names
	locked    map[zfs.Name]bool      // encrypted, and the key is not loaded; known where a device is missing
}

// collect reads the world with one zfs process.
func (b *Backend) collect(ctx context.Context) (*world, error) {
	return b.collectOf(ctx, zfs.Volumes, zfs.Snapshots)
}

// collectVolumes is collect without the snapshots, for whoever does nothing about
// them: zfs takes twice as long and more when it has to look for them.
func (b *Backend) collectVolumes(ctx context.Context) (*world, error) {
	return b.collectOf(ctx, zfs.Volumes)
}

func (b *Backend) collectOf(ctx context.Context, types ...string) (*world, error) {
	listing, err := b.zfs.List(ctx, b.zfs.Root().Dataset(), properties, types...)
	if err != nil {
		return nil, b.notReady(err)
	}
	targets, err := b.iscsi.List(ctx)
	if err != nil {
		return nil, b.notReady(err)
	}
	w := &world{skipped: listing.Skipped, foreign: targets.Foreign, targets: map[string]iscsi.State{}}
	for _, t := range targets.Targets {
		w.targets[b.iscsi.Base().Asset(t.IQN)] = t
	}
	for _, i := range listing.Items {
		switch below, _, _ := strings.Cut(i.Name.Relative(), "/"); {
		case i.Type == zfs.Snapshots:
			w.snapshots = append(w.snapshots, i)
		case below == detachedChild:
			w.detached = append(w.detached, i)
		default:
			if err := w.add(b, i); err != nil {
				return nil, err
			}
		}
	}
	w.clashes()
	w.names(b.zfs.Root())
	return w, nil
}

func (w *world) add(b *Backend, i zfs.Info) error {
	v, err := i.Name.Volume()
	if err != nil {
		return err
	}
	// What is deeper than the driver makes any is a copy or a backup of somebody's,
	// with the properties of what it was copied from.
	legacy := i.Name.Relative() != volumesChild+"/"+i.Name.Base()
	e := &entry{info: i, volume: v, device: b.zfs.Device(v), asset: execute.Asset(v), legacy: legacy}
	e.driver = i.User[managedProperty] == "true"
	e.managed = i.User[exportProperty] == "on" || e.driver && !legacy
	if name := i.User[assetProperty]; legacy && name != "" {
		e.asset = name
	}
	w.entries = append(w.entries, e)
	return nil
}

// clashes finds volumes that would have one target name. The one that the target
// exports now keeps it. Without such a one, as after a boot, the first that was
// finished has it: a volume in use does not lose its target to one that somebody
// makes beside it.
func (w *world) clashes() {
	slices.SortFunc(w.entries, func(a, b *entry) int { return cmp.Compare(a.info.Name.String(), b.info.Name.String()) })
	holder := map[string][]*entry{}
	for _, e := range w.entries {
		if e.managed {
			holder[e.asset] = append(holder[e.asset], e)
		}
	}
	for asset, all := range holder {
		if len(all) < 2 {
			continue
		}
		t := w.targets[asset]
		keeper := slices.MinFunc(all, func(a, b *entry) int {
			return cmp.Or(
				before(exports(t, a.device), exports(t, b.device)), before(a.complete(), b.complete()),
				a.info.Created.Compare(b.info.Created), cmp.Compare(a.info.Name.String(), b.info.Name.String()))
		})
		for _, e := range all {
			if e != keeper {
				e.clash = keeper
			}
		}
	}
}

// before orders what is before what is not.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// exports reports whether a target has a device behind one of its LUNs.
func exports(t iscsi.State, device string) bool {
	return slices.ContainsFunc(t.LUNs, func(l iscsi.LUNState) bool { return l.Device == device })
}

// notReady gives the errors of a host on which phase 1 has not been applied the
// words of an operator.
func (b *Backend) notReady(err error) error {
	const hint = "apply phase 1 first: waddle apply --through 1"
	switch {
	case errors.Is(err, zfs.ErrNotExist):
		return problem.Wrap(problem.NeedsNotDone, err, hint, "dataset %s is not there", b.zfs.Root())
	case errors.Is(err, iscsi.ErrNotReady):
		return problem.Wrap(problem.NeedsNotDone, err, hint, "the kernel's iSCSI target is not set up")
	case errors.Is(err, zfs.ErrNoModule):
		return problem.Wrap(problem.HostUnsuitable, err, "load it with modprobe zfs, or install zfsutils-linux and reboot", "this host has no ZFS")
	}
	return err
}

// short keeps what a peer sent from filling a sentence.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
