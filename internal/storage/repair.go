package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// finding is an orphan with what removes it.
type finding struct {
	Orphan
	target    *iscsi.Target         // to be made so
	gone      *iscsi.IQN            // to be removed
	backstore *iscsi.BackstoreState // to be removed
	grown     *entry                // to get its size back
	// deviceless is a volume that cannot be exported, whatever is done about its
	// target.
	deviceless bool
}

// Orphans returns what does not belong together, and changes nothing. It is what
// Repair would see to, and beside it what only an operator can.
func (b *Backend) Orphans(ctx context.Context) ([]Orphan, error) {
	found, err := b.examined(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Orphan, 0, len(found))
	for _, f := range found {
		all = append(all, f.Orphan)
	}
	return all, nil
}

// examined is what Orphans and the look before a repair are made of.
func (b *Backend) examined(ctx context.Context) ([]finding, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	return b.examine(ctx, w)
}

// Repair makes the targets what the volumes say, many at once, and removes what
// no volume has. It is also what runs after a boot. Nobody's session is ended,
// and what a volume of democratic-csi's is being deleted for is left alone. The
// answer has one line for each object that was changed or could not be. With
// names only what is about those volumes, targets or backstores is repaired.
func (b *Backend) Repair(ctx context.Context, names ...string) ([]Repaired, error) {
	_, done, err := b.repair(ctx, nil, names...)
	return done, err
}

// progress is called with each object that is done, how many are, and of how many;
// nil is nobody.
type progress func(r Repaired, done, total int)

// counting returns what a progress is told through, one object a call.
func (p progress) counting(total int) func(Repaired) {
	done := 0
	return func(r Repaired) {
		if done++; p != nil {
			p(r, done, total)
		}
	}
}

// repair is Repair that tells how far it is, and what it found.
func (b *Backend) repair(ctx context.Context, p progress, names ...string) (found []finding, done []Repaired, err error) {
	waited := false
	for {
		release, err := b.execute.Hold(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot repair targets: %w", err)
		}
		w, err := b.collectVolumes(ctx)
		if err != nil {
			release()
			return nil, nil, err
		}
		if waited || !b.awaited(ctx, w) {
			defer release()
			return b.mend(ctx, w, p, names...)
		}
		// democratic-csi does not wait with us for what may never come.
		release()
		b.awaitDevices(ctx, w)
		waited = true
	}
}

// mend is Repair for who holds the right to change targets.
func (b *Backend) mend(ctx context.Context, w *world, p progress, names ...string) (found []finding, done []Repaired, err error) {
	if found, err = b.examine(ctx, w); err != nil {
		return nil, nil, err
	}
	if len(names) > 0 {
		found = slices.DeleteFunc(found, func(f finding) bool { return !f.named(names) })
	}
	total := 0
	for _, f := range found {
		if _, repairs := f.difference(); repairs {
			total++
		}
	}
	tell := p.counting(total)
	// A portal of what goes may stand in the way of what is made.
	done = b.settle(ctx, found, tell)
	made, err := b.restore(ctx, found, tell)
	return found, append(done, made...), err
}

// named reports whether a finding is about one of the names.
func (f finding) named(names []string) bool {
	_, whole, _ := strings.Cut(f.Object, " ")
	return slices.Contains(names, whole) || slices.Contains(names, f.Object) || slices.Contains(names, f.Volume)
}

func (b *Backend) restore(ctx context.Context, found []finding, tell func(Repaired)) ([]Repaired, error) {
	blocking, err := b.blocking(ctx, func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	var done []Repaired
	var targets []iscsi.Target
	for _, f := range found {
		switch {
		case f.target == nil:
		case len(blocking) > 0:
			// Its own portal on all addresses, if it has one, is better than none.
			one := Repaired{Object: "target " + f.target.IQN.String(), Err: b.blocked(blocking)}
			done = append(done, one)
			tell(one)
		default:
			targets = append(targets, *f.target)
		}
	}
	if len(targets) == 0 {
		return done, nil
	}
	restored, err := b.iscsi.Restore(ctx, targets, func(r iscsi.Restored) { tell(restoredTarget(r)) })
	if err != nil {
		return done, err
	}
	for _, r := range restored {
		if r.Err == nil && len(r.Changes) == 0 {
			continue // somebody else was faster
		}
		done = append(done, restoredTarget(r))
	}
	return done, nil
}

func restoredTarget(r iscsi.Restored) Repaired {
	one := Repaired{Object: "target " + r.IQN.String(), Err: r.Err}
	for _, c := range r.Changes {
		one.Changes = append(one.Changes, c.String())
	}
	return one
}

// settle removes what nobody has, and gives sizes back.
func (b *Backend) settle(ctx context.Context, found []finding, tell func(Repaired)) []Repaired {
	var done []Repaired
	for _, f := range found {
		one := Repaired{Object: f.Object, Changes: []string{"remove it"}}
		switch {
		case f.grown != nil:
			one.Changes = []string{fmt.Sprintf("give it its %d bytes back", f.grown.size())}
			one.Err = b.regrow(ctx, f.grown.volume, f.grown.size())
		case f.gone != nil:
			one.Err = b.iscsi.Delete(ctx, *f.gone, false)
		case f.backstore != nil:
			one.Err = b.iscsi.RemoveBackstore(ctx, *f.backstore)
		default:
			continue
		}
		done = append(done, one)
		tell(one)
	}
	return done
}

// deviceWait bounds how long all devices together are waited for.
const deviceWait = 30 * time.Second

// awaitDevices gives udev time for links that are not there yet, as after a
// boot. One that does not come is reported by examine.
func (b *Backend) awaitDevices(ctx context.Context, w *world) {
	ctx, cancel := context.WithTimeout(ctx, b.patient)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(16) // each has an inotify instance, of which a user has 128
	for _, e := range w.entries {
		if w.awaits(e) {
			g.Go(func() error {
				_, _ = b.zfs.WaitDevice(ctx, e.volume)
				return nil
			})
		}
	}
	_ = g.Wait()
}

// awaits reports whether a volume's device may be on its way.
func (w *world) awaits(e *entry) bool {
	return e.managed && !w.locked[e.info.Name] && !there(e.device)
}

// awaited reports whether there is a device to wait for.
func (b *Backend) awaited(ctx context.Context, w *world) bool {
	b.locks(ctx, w)
	return slices.ContainsFunc(w.entries, w.awaits)
}

// locks finds out, where devices are missing, which volumes have none because
// the key of their encryption is not loaded.
func (b *Backend) locks(ctx context.Context, w *world) {
	if w.locked != nil || !slices.ContainsFunc(w.entries, func(e *entry) bool { return e.managed && !there(e.device) }) {
		return
	}
	w.locked = map[zfs.Name]bool{}
	out, err := b.zfs.Run(ctx, zfs.Get(zfs.Query{Targets: []zfs.Target{b.zfs.Root().Dataset()}, Properties: []string{"keystatus"}, Types: []string{zfs.Volumes}, Recursive: true}, "name", "value"))
	if err != nil {
		return // a zfs without encryption; the device is missing all the same
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if n, err := b.zfs.Root().Name(name); err == nil && value == "unavailable" {
			w.locked[n] = true
		}
	}
}

func there(device string) bool {
	_, err := os.Stat(device)
	return err == nil
}

// examine compares the volumes with the targets.
func (b *Backend) examine(ctx context.Context, w *world) ([]finding, error) {
	b.locks(ctx, w)
	var found []finding
	for _, e := range w.entries {
		if b.execute.Departing(e.asset) {
			continue
		}
		found = append(found, b.examineVolume(ctx, e, w)...)
	}
	stray, err := b.strayTargets(w)
	if err != nil {
		return nil, err
	}
	found = append(found, stray...)
	backstores, err := b.strayBackstores(ctx, w)
	if err != nil {
		return nil, err
	}
	found = append(found, backstores...)
	for _, name := range w.skipped {
		found = append(found, finding{Orphan: Orphan{Kind: UnreadableName, Object: short(name),
			Detail: "waddle would not make a dataset of that name and does not touch it", Advice: "rename or destroy it with zfs"}})
	}
	return append(found, unfinished(w)...), nil
}

func (b *Backend) examineVolume(ctx context.Context, e *entry, w *world) []finding {
	found := append(shrunk(e), b.findings(ctx, e, w)...)
	for i := range found {
		found[i].Volume = e.name
	}
	return found
}

// shrunk is a rollback that was killed before it had given the size back.
func shrunk(e *entry) []finding {
	if e.info.User[sizeProperty] == "" {
		return nil
	}
	return []finding{{grown: e, Orphan: Orphan{Kind: ShrunkVolume, Object: "volume " + e.info.Name.String(), Repair: true,
		Detail: fmt.Sprintf("a rollback was interrupted: it has %d bytes and gets back %d", e.info.VolumeSize, e.size())}}}
}

func (b *Backend) findings(ctx context.Context, e *entry, w *world) []finding {
	name := "volume " + e.info.Name.String()
	t, is := w.targets[e.asset]
	switch {
	case e.clash != nil:
		return []finding{{Orphan: Orphan{Kind: ClashingVolume, Object: name,
			Detail: fmt.Sprintf("volume %s would have the same target name %s", e.clash.info.Name, e.asset), Advice: "delete one of the two, or copy it to another name"}}}
	case !e.managed && e.legacy && (e.driver || is && exports(t, e.device)):
		return []finding{{Orphan: Orphan{Kind: OlderVolume, Object: name, Detail: "it is an older host's", Advice: "take it over: waddle storage adopt"}}}
	case !e.managed:
		return nil
	}
	if b.young(e) {
		return nil // being made just now
	}
	var found []finding
	if !e.complete() {
		found = append(found, finding{Orphan: Orphan{Kind: IncompleteVolume, Object: name,
			Detail: "democratic-csi was stopped while it made this volume; it finishes it as long as the claim is there",
			Advice: "when the claim is gone: waddle storage delete " + e.name + " --unclaimed"}})
	}
	return append(found, b.compare(ctx, e, name, w)...)
}

// compare looks at a volume's target.
func (b *Backend) compare(ctx context.Context, e *entry, name string, w *world) []finding {
	orphan := func(detail, advice string) finding {
		return finding{Orphan: Orphan{Kind: VolumeWithoutTarget, Object: name, Detail: detail, Advice: advice, Repair: advice == ""}}
	}
	want, err := b.policy.TargetOf(b.iscsi.Base(), e.asset, e.device)
	if err != nil {
		return []finding{orphan(err.Error(), "rename the volume; its name cannot be part of a target's")}
	}
	if !there(e.device) {
		f := orphan("its device "+e.device+" is not there", "is udev running, and is its volmode not none? Try: udevadm trigger --subsystem-match=block")
		if w.locked[e.info.Name] {
			f = orphan("its device "+e.device+" is not there: the key of its encryption is not loaded", "load it: zfs load-key -r "+b.zfs.Root().String()+"; it is exported then")
		}
		f.deviceless = true
		return []finding{f}
	}
	changes, err := b.iscsi.Look(ctx, want)
	switch {
	case err != nil:
		return []finding{orphan(err.Error(), adviceOn(err))}
	case len(changes) == 0:
		return nil
	}
	var texts []string
	for _, c := range changes {
		texts = append(texts, c.String())
	}
	f := orphan(strings.Join(texts, "; "), "")
	if _, is := w.targets[e.asset]; !is { // after a boot that is every one, and each would be two thousand bytes
		f.Detail = noTarget
	}
	f.target = &want
	return []finding{f}
}

const noTarget = "it has no target"

func adviceOn(err error) string {
	if errors.Is(err, iscsi.ErrInUse) {
		return "it is changed as soon as nobody is logged in: stop what uses it"
	}
	return "look at waddle storage show and targetcli ls"
}

// strayTargets are those of our base name that no volume has. Their devices have
// to be gone too: a target that somebody made on another device is not touched.
func (b *Backend) strayTargets(w *world) ([]finding, error) {
	owned := map[string]bool{}
	for _, e := range w.entries {
		owned[e.asset] = true
		for asset, t := range w.targets {
			owned[asset] = owned[asset] || exports(t, e.device)
		}
	}
	var found []finding
	for asset, t := range w.targets {
		if owned[asset] || b.execute.Departing(asset) {
			continue
		}
		f := finding{Orphan: Orphan{Kind: TargetWithoutVolume, Object: "target " + t.IQN.String(), Detail: "there is no volume for it"}}
		if i := slices.IndexFunc(t.LUNs, func(l iscsi.LUNState) bool { return l.Device != "" && there(l.Device) }); i >= 0 {
			f.Advice = fmt.Sprintf("it exports %s, which is none of ours: remove it with targetcli, or let it be", t.LUNs[i].Device)
		} else {
			f.gone, f.Repair = &t.IQN, true
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.Object, b.Object) })
	return found, nil
}

// strayBackstores are those of our devices that no target of ours has, and whose
// volume is ours or gone.
func (b *Backend) strayBackstores(ctx context.Context, w *world) ([]finding, error) {
	all, err := b.iscsi.Backstores(ctx)
	if err != nil {
		return nil, b.notReady(err)
	}
	linked, managed, known := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, t := range w.targets {
		for _, l := range t.LUNs {
			linked[l.Backstore+" "+l.Device] = true
		}
	}
	for _, e := range w.entries {
		known[e.device] = true
		managed[e.device] = e.managed
	}
	var found []finding
	for _, s := range all {
		if linked[s.Name+" "+s.Device] || known[s.Device] && !managed[s.Device] || b.execute.Departing(s.Name) {
			continue
		}
		if _, has := w.targets[s.Name]; has && managed[s.Device] {
			continue // its target is repaired, and that takes it in
		}
		found = append(found, finding{backstore: &s, Orphan: Orphan{Kind: BackstoreWithoutTarget, Object: "backstore " + s.Name,
			Detail: "no target has it", Repair: true}})
	}
	return found, nil
}

// unfinished are the helper snapshots of copies that never came to their end:
// one for a detached snapshot, or for a volume that is not there.
func unfinished(w *world) []finding {
	names := map[string]bool{}
	for _, e := range w.entries {
		names[e.info.Name.Base()] = true
	}
	var found []finding
	for _, s := range w.snapshots {
		of, volume := strings.CutPrefix(s.Snapshot.Name(), "volume-source-for-volume-")
		_, detached := strings.CutPrefix(s.Snapshot.Name(), "volume-source-for-snapshot-")
		if s.DeferDestroy || !detached && (!volume || names[of]) {
			continue
		}
		found = append(found, finding{Orphan: Orphan{Kind: UnfinishedSnapshot, Object: "snapshot " + s.Object(),
			Detail: "democratic-csi made it as the source of a copy that is not there, or being made now",
			Advice: "when nothing is being copied: zfs destroy " + s.Object()}})
	}
	return found
}
