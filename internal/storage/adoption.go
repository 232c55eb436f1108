package storage

import (
	"context"
	"errors"
	"slices"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Adoption is what an older host has that waddle would take over: volumes that a
// stock democratic-csi or a person made below the root dataset, their targets,
// and targetcli's restore at boot.
type Adoption struct {
	Volumes []Candidate
	Restore Restore
}

// Candidate is a volume that would be taken over.
type Candidate struct {
	Name     string
	Dataset  string
	IQN      string
	Sessions []Session // they stay
	Changes  []string  // what is changed of its target
	Problem  string    // why it cannot be taken over now; empty when it can
}

// Adopted is what taking over did.
type Adopted struct {
	Volumes  []Repaired // one a volume
	Restore  Restore    // as it is now
	Warnings []string
}

// Adoption lists what Adopt would take over, and changes nothing.
func (b *Backend) Adoption(ctx context.Context) (Adoption, error) {
	w, err := b.collect(ctx)
	if err != nil {
		return Adoption{}, err
	}
	a := Adoption{Volumes: []Candidate{}, Restore: b.restoreAtBoot()}
	known, err := b.contexts(ctx, w)
	if err != nil {
		return Adoption{}, err
	}
	for _, e := range w.entries {
		if !older(e, w) {
			continue
		}
		c := Candidate{Name: e.name, Dataset: e.info.Name.String()}
		want, err := b.policy.TargetOf(b.iscsi.Base(), e.asset, e.device)
		if err != nil {
			c.Problem = err.Error()
			a.Volumes = append(a.Volumes, c)
			continue
		}
		c.IQN = want.IQN.String()
		if c.Sessions, err = b.sessions(ctx, want.IQN, c.Name); err != nil {
			return a, err
		}
		changes, err := b.iscsi.Look(ctx, want)
		if err != nil {
			c.Problem = err.Error()
		}
		if elsewhere := b.elsewhere(known[e.info.Name], c.IQN); elsewhere != "" {
			c.Problem = elsewhere
		}
		if other := w.holder(e); other != nil {
			c.Problem = "volume " + other.info.Name.String() + " has the same target name"
		}
		for _, ch := range changes {
			c.Changes = append(c.Changes, ch.String())
		}
		a.Volumes = append(a.Volumes, c)
	}
	return a, nil
}

// older reports whether a volume is one to adopt.
func older(e *entry, w *world) bool {
	t, is := w.targets[e.asset]
	return e.legacy && !e.managed && (e.driver || is && exports(t, e.device))
}

// holder returns a managed volume that has e's target name already.
func (w *world) holder(e *entry) *entry {
	for _, other := range w.entries {
		if other != e && other.managed && other.asset == e.asset {
			return other
		}
	}
	return nil
}

// Adopt takes over what Adoption lists. Sessions stay: a portal or attribute is
// changed under them, a LUN never. A volume is marked first and its target made
// right then, so that one that was killed in between is finished by Repair.
// With names only those volumes are, and targetcli's restore is left as it is.
func (b *Backend) Adopt(ctx context.Context, names ...string) (Adopted, error) {
	return b.adoptAll(ctx, nil, names...)
}

func (b *Backend) adoptAll(ctx context.Context, p progress, names ...string) (Adopted, error) {
	release, err := b.execute.Hold(ctx)
	if err != nil {
		return Adopted{}, err
	}
	defer release()
	list, err := b.Adoption(ctx)
	if err != nil {
		return Adopted{}, err
	}
	done := Adopted{Volumes: []Repaired{}}
	wanted := slices.DeleteFunc(list.Volumes, func(c Candidate) bool {
		return len(names) > 0 && !slices.Contains(names, c.Name) && !slices.Contains(names, c.Dataset)
	})
	if done.Volumes, err = b.adopt(context.WithoutCancel(ctx), wanted, p); err != nil {
		return done, err
	}
	if len(names) == 0 {
		done.Warnings, err = b.switchOffRestore()
	}
	done.Restore = b.restoreAtBoot()
	return done, err
}

// adopt marks the volumes, then makes all targets right together: the first could
// not get its portal as long as the last has all addresses. As long as a target
// that is not taken over has them, nothing is begun: what was taken over would be
// reached by nobody new.
func (b *Backend) adopt(ctx context.Context, wanted []Candidate, p progress) ([]Repaired, error) {
	done := make([]Repaired, len(wanted))
	if len(wanted) == 0 {
		return done, nil
	}
	blocking, err := b.blocking(ctx, func(iqn string) bool {
		return slices.ContainsFunc(wanted, func(c Candidate) bool { return c.IQN == iqn && c.Problem == "" })
	})
	if err != nil {
		return done, err
	}
	if len(blocking) > 0 {
		return done, b.blocked(blocking)
	}
	for i, c := range wanted {
		done[i] = Repaired{Object: "volume " + c.Dataset, Changes: c.Changes}
		if c.Problem != "" {
			done[i].Err = errors.New(c.Problem)
			continue
		}
		done[i].Err = b.mark(ctx, c)
	}
	w, err := b.collect(ctx)
	if err != nil {
		return done, err
	}
	_, repaired, err := b.mend(ctx, w, p)
	for i, c := range wanted {
		for _, r := range repaired {
			if r.Object == "target "+c.IQN && done[i].Err == nil {
				done[i].Err = r.Err
			}
		}
	}
	return done, err
}

// blocking are the targets that listen on all addresses and will go on doing so.
// settled says which will not, beside those of our volumes.
func (b *Backend) blocking(ctx context.Context, settled func(iqn string) bool) ([]string, error) {
	in, err := b.iscsi.Listeners(ctx, b.policy.Portal)
	if err != nil || len(in) == 0 {
		return nil, err
	}
	w, err := b.collect(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(in, func(iqn string) bool {
		ours := slices.ContainsFunc(w.entries, func(e *entry) bool {
			return e.managed && e.clash == nil && b.iscsi.Base().String()+":"+e.asset == iqn
		})
		return ours || settled(iqn)
	}), nil
}

func (b *Backend) blocked(by []string) error {
	p := problem.New(problem.Conflict, "take all of an older host's volumes over at once (waddle storage adopt), and give targets of others a portal of one address with targetcli",
		"cannot listen on %s: target %s listens on all addresses", b.policy.Portal, by[0])
	p.Others = by
	return p
}

// mark makes a volume ours.
func (b *Backend) mark(ctx context.Context, c Candidate) error {
	v, err := b.zfs.Root().Volume(c.Dataset)
	if err != nil {
		return err
	}
	export, err := zfs.NewProperty(exportProperty, "on")
	if err != nil {
		return err
	}
	_, err = b.zfs.Run(ctx, zfs.Set(v, export))
	return err
}

// Move brings a volume of the older layout to where democratic-csi looks for it
// now, below the child v, so that it can resize and delete it again. Its device
// path changes with it, so nobody may be logged in. One that is there already is
// success. A private one stays private; one that was never taken over is a
// conflict, because the move would take it over without anybody having asked.
func (b *Backend) Move(ctx context.Context, name string) (Volume, error) {
	release, err := b.execute.Hold(ctx)
	if err != nil {
		return Volume{}, err
	}
	defer release()
	w, err := b.collect(ctx)
	if err != nil {
		return Volume{}, err
	}
	e, err := w.find(b.zfs.Root(), name)
	if err != nil {
		return Volume{}, err
	}
	if !e.legacy {
		return b.Volume(ctx, e.info.Name.String())
	}
	to, err := b.destination(e, w)
	if err != nil {
		return Volume{}, err
	}
	ctx = context.WithoutCancel(ctx)
	if e.managed {
		if err := b.unexport(ctx, e, false); err != nil {
			return Volume{}, classified(err, "cannot move volume %s", e.info.Name)
		}
	}
	if err := b.held(ctx, e); err != nil {
		return Volume{}, classified(joined(err, b.reexport(ctx, e)), "cannot move volume %s", e.info.Name)
	}
	if _, err := b.zfs.Run(ctx, zfs.Rename(e.info.Name, to.Name)); err != nil {
		return Volume{}, classified(joined(err, b.reexport(ctx, e)), "cannot move volume %s", e.info.Name)
	}
	if _, err := b.zfs.WaitDevice(ctx, to); err != nil {
		return Volume{}, classified(err, "volume %s was moved to %s", e.info.Name, to)
	}
	if e.managed {
		if err := b.export(ctx, to); err != nil {
			return Volume{}, classified(err, "volume %s was moved to %s, but cannot be exported; the reconciler tries again", e.info.Name, to)
		}
	}
	return b.Volume(ctx, to.String())
}

// destination is where an older volume moves to, or why it cannot.
func (b *Backend) destination(e *entry, w *world) (zfs.Volume, error) {
	refuse := func(hint, format string, args ...any) (zfs.Volume, error) {
		return zfs.Volume{}, problem.New(problem.Conflict, hint, "cannot move volume %s: "+format, append([]any{e.info.Name}, args...)...)
	}
	if older(e, w) {
		return refuse("take it over first: waddle storage adopt", "it is an older host's")
	}
	if other := w.holder(e); other != nil {
		return refuse("delete one of the two, or copy it to another name", "volume %s has the target name %s too", other.info.Name, e.asset)
	}
	to, err := b.newName(e.info.Name.Base())
	if err != nil {
		return to, err
	}
	if e.asset != execute.Asset(to) {
		return refuse("it stays usable where it is; copy it to a new volume when it has to move",
			"its target is called %s, which democratic-csi would not look for at %s", e.asset, to)
	}
	return to, nil
}
