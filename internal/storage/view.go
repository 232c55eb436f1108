package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Volumes returns all volumes, by their datasets' names.
func (b *Backend) Volumes(ctx context.Context) ([]Volume, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Volume, 0, len(w.entries))
	for _, e := range w.entries {
		v, err := b.view(ctx, w, e)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Volume returns one volume. name is a volume's name or its whole dataset name;
// one that is not there is a problem with the code not_found.
func (b *Backend) Volume(ctx context.Context, name string) (Volume, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return Volume{}, err
	}
	e, err := w.find(b.zfs.Root(), name)
	if err != nil {
		return Volume{}, err
	}
	v, err := b.view(ctx, w, e)
	if err == nil && v.Target != nil {
		v.Target.Counters, err = b.counters(ctx, w.targets[e.asset].IQN, v.Target.LUN)
	}
	return v, err
}

// counters of a target that went away meanwhile are none.
func (b *Backend) counters(ctx context.Context, i iscsi.IQN, lun int) (*Counters, error) {
	st, err := b.iscsi.Statistics(ctx, i)
	if errors.Is(err, iscsi.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Counters{Logins: st.Logins, Refused: st.AuthenticationFails + st.AuthorizationFails + st.OtherLoginFails}
	for _, l := range st.LUNs {
		if l.Number == lun {
			c.Commands, c.ReadMiB, c.WrittenMiB = l.Commands, l.ReadMiB, l.WrittenMiB
		}
	}
	return c, nil
}

// Sessions returns who is logged in to any of our targets.
func (b *Backend) Sessions(ctx context.Context) ([]Session, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	owner := map[string]string{}
	for _, e := range w.entries {
		if t, is := w.targets[e.asset]; is && exports(t, e.device) {
			owner[e.asset] = e.name
		}
	}
	all := []Session{}
	for asset, t := range w.targets {
		s, err := b.sessions(ctx, t.IQN, owner[asset])
		if err != nil {
			return nil, err
		}
		all = append(all, s...)
	}
	slices.SortFunc(all, func(a, b Session) int {
		return strings.Compare(a.IQN+" "+a.Initiator, b.IQN+" "+b.Initiator)
	})
	return all, nil
}

// Snapshots returns the snapshots of a volume, oldest first; of all volumes when
// the name is empty. Detached ones of volumes that are gone are among the latter.
func (b *Backend) Snapshots(ctx context.Context, volume string) ([]Snapshot, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	all := []Snapshot{}
	if volume != "" {
		e, err := w.find(b.zfs.Root(), volume)
		if err != nil {
			return nil, err
		}
		all = append(all, w.snapshotsOf(e)...)
		volume = e.name
	} else {
		for _, e := range w.entries {
			all = append(all, w.snapshotsOf(e)...)
		}
	}
	for _, i := range w.detached {
		of := i.Name.Parent().Base()
		if volume != "" && of != volume {
			continue
		}
		s := snapshot(i, i.Name.Base(), of)
		s.Detached = true
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b Snapshot) int {
		return cmpOr(a.Created.Compare(b.Created), strings.Compare(a.Dataset, b.Dataset))
	})
	return all, nil
}

func cmpOr(first, second int) int {
	if first != 0 {
		return first
	}
	return second
}

func snapshot(i zfs.Info, name, of string) Snapshot {
	return Snapshot{
		Name: name, Volume: of, Dataset: i.Object(), Claim: i.User[snapshotProperty],
		Created: i.Created, Used: i.Used, Referenced: i.Referenced, Size: i.VolumeSize,
	}
}

// snapshotsOf returns a volume's own snapshots with what was cloned from them.
func (w *world) snapshotsOf(of *entry) []Snapshot {
	all := []Snapshot{}
	for _, i := range w.snapshots {
		if i.Name != of.info.Name {
			continue
		}
		s := snapshot(i, i.Snapshot.Name(), of.name)
		for _, e := range w.entries {
			if e.info.Origin == i.Snapshot {
				s.Clones = append(s.Clones, e.name)
			}
		}
		all = append(all, s)
	}
	return all
}

// view joins what is known of one volume.
func (b *Backend) view(ctx context.Context, w *world, e *entry) (Volume, error) {
	i := e.info
	v := Volume{
		Name: e.name, Dataset: i.Name.String(), Legacy: e.legacy, Device: e.device,
		Size: i.VolumeSize, Block: i.VolumeBlock, Used: i.Used, Referenced: i.Referenced, Logical: i.LogicalUsed, BySnapshots: i.UsedBySnapshots,
		Reserved: i.RefReservation, Compression: i.CompressionRatio, Created: i.Created, Origin: i.Origin.String(),
		Snapshots: w.snapshotsOf(e),
	}
	if e.driver {
		v.Claim = &Claim{
			Volume: i.User[nameProperty], Instance: i.User[instanceProperty], Complete: e.complete(),
			SourceType: i.User[sourceTypeProperty], SourceID: i.User[sourceIDProperty],
		}
	}
	if t, is := w.targets[e.asset]; is && (exports(t, e.device) || e.managed && e.clash == nil) {
		v.Target = target(t, e.device)
		var err error
		if v.Target.Sessions, err = b.sessions(ctx, t.IQN, v.Name); err != nil {
			return v, err
		}
	}
	v.State, v.Faults = b.judge(e, v.Target)
	return v, nil
}

func target(t iscsi.State, device string) *Target {
	found := &Target{IQN: t.IQN.String(), Enabled: t.Enabled, Portals: t.Portals}
	for _, l := range t.LUNs {
		if l.Device == device {
			found.LUN, found.Backstore, found.Device = l.Number, l.Backstore, l.Device
		}
	}
	return found
}

// sessions of a target that went away meanwhile are none.
func (b *Backend) sessions(ctx context.Context, i iscsi.IQN, volume string) ([]Session, error) {
	found, err := b.iscsi.Sessions(ctx, i)
	if errors.Is(err, iscsi.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Session
	for _, s := range found {
		one := Session{Volume: volume, IQN: i.String(), Initiator: s.Initiator, State: s.State}
		for _, c := range s.Connections {
			one.Addresses = append(one.Addresses, c.Address)
		}
		all = append(all, one)
	}
	return all, nil
}

// judge says how a volume is doing, from what a list knows. That a target's
// attributes are wrong too is found by Orphans.
func (b *Backend) judge(e *entry, t *Target) (State, []string) {
	switch {
	case e.clash != nil:
		return Clashing, []string{fmt.Sprintf("volume %s would have the same target name %s", e.clash.info.Name, e.asset)}
	case !e.managed && e.legacy && (e.driver || t != nil):
		return Older, []string{"an older host's: waddle storage adopt"}
	case !e.managed:
		return Private, nil
	}
	var faults []string
	switch portal := b.policy.Portal.String(); {
	case t == nil:
		faults = append(faults, "it has no target")
	case t.Device == "":
		faults = append(faults, "its target has no LUN with it")
	case !t.Enabled:
		faults = append(faults, "its target is not enabled")
	case !slices.Contains(t.Portals, portal):
		faults = append(faults, "its target does not listen on "+portal)
	}
	if !e.complete() {
		return Incomplete, append([]string{"democratic-csi has not finished it"}, faults...)
	}
	if len(faults) > 0 {
		return Unexported, faults
	}
	return Ready, nil
}

// classified gives the errors of the drivers their codes.
func classified(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if _, is := errors.AsType[*problem.Error](err); is {
		return err
	}
	code, hint := problem.Internal, ""
	switch {
	case errors.Is(err, zfs.ErrNotExist), errors.Is(err, iscsi.ErrNotExist):
		code, hint = problem.NotFound, "see what there is: waddle storage volumes"
	case errors.Is(err, zfs.ErrExist):
		code, hint = problem.Conflict, "choose another name"
	case errors.Is(err, zfs.ErrBusy):
		code, hint = problem.InUse, "something has it open or holds it; see waddle storage show, and zfs holds"
	case errors.Is(err, zfs.ErrDependents):
		code, hint = problem.InUse, "delete the clones first"
	case errors.Is(err, zfs.ErrChildren):
		code, hint = problem.InUse, "a snapshot was taken just now; look again"
	case errors.Is(err, zfs.ErrNoDevice):
		code, hint = problem.HostUnsuitable, "is udev running? Look at systemctl status systemd-udevd, and try again"
	case errors.Is(err, zfs.ErrNewer):
		code, hint = problem.Conflict, "roll back with the newer snapshots destroyed, if they may go"
	case errors.Is(err, iscsi.ErrInUse):
		code, hint = problem.InUse, "log the initiators out, or force it and lose what they have not written yet"
	case errors.Is(err, iscsi.ErrClaimed):
		code, hint = problem.Conflict, "something else on this host has the device; see targetcli ls"
	case errors.Is(err, iscsi.ErrStuck):
		code, hint = problem.Unavailable, "the kernel waits for an initiator; look at dmesg, a reboot ends it"
	case errors.Is(err, zfs.ErrNoSpace):
		code, hint = problem.NoSpace, "delete volumes or snapshots, or raise spec.storage.quota"
	case errors.Is(err, zfs.ErrShrink), errors.Is(err, zfs.ErrInvalid):
		code, hint = problem.InvalidRequest, "sizes are positive multiples of the volume's block size, 16 KiB unless waddle storage show says otherwise, and volumes only grow"
	default:
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return problem.Wrap(code, err, hint, format, args...)
}
