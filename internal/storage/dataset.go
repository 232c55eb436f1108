package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// markProperty is on the root dataset of a platform that waddle made or took
// over.
const markProperty = "waddle:managed"

// own is how much of its own an empty file system refers to at most. More is
// files of somebody's.
const own = 1 << 20

// DatasetBefore is what was there before the first apply.
type DatasetBefore struct {
	Existed bool `json:"existed"`
	// Set are the properties that were set on it; what is not among them was
	// inherited.
	Set map[string]string `json:"set,omitempty"`
}

func (b *Backend) layout() (zfs.Layout, error) {
	mark, err := zfs.NewProperty(markProperty, "on")
	return zfs.Layout{Quota: b.quota, Mark: mark}, err
}

// LookDataset compares the root dataset and its children with the layout.
func (b *Backend) LookDataset(ctx context.Context) (Finding, error) {
	l, err := b.layout()
	if err != nil {
		return Finding{}, err
	}
	found, err := b.zfs.LookLayout(ctx, l)
	if err != nil {
		return Finding{}, b.noZFS(err)
	}
	var f Finding
	exists, marked := true, true
	for _, d := range found {
		exists = exists && (d.Property != "" || !d.Dataset.IsRoot())
		marked = marked && d.Property != markProperty
	}
	if !exists {
		if _, err := b.zfs.Pool(ctx); err != nil {
			return f, problem.Wrap(problem.HostUnsuitable, err, "make the pool, or correct spec.host.pool", "there is no pool %s for the volumes", b.zfs.Root().Pool())
		}
	}
	if exists && !marked {
		if err := b.foreignDataset(ctx, &f); err != nil {
			return f, err
		}
	}
	for _, d := range found {
		switch {
		case d.Property == markProperty && exists:
		case d.Advice:
			f.Notes = append(f.Notes, d.String()+"; it is left as it is")
		case d.Property == "":
			f.Differences = append(f.Differences, engine.Difference{Kind: engine.Create, Object: "dataset " + d.Dataset.String(), Want: "a file system for volumes"})
		default:
			f.Differences = append(f.Differences, engine.Difference{Kind: engine.Change, Object: "property " + d.Property + " of " + d.Dataset.String(), Is: d.Is, Want: d.Want})
		}
	}
	return f, nil
}

// foreignDataset says what a dataset is that carries no mark.
func (b *Backend) foreignDataset(ctx context.Context, f *Finding) error {
	root := b.zfs.Root().Dataset()
	all, err := b.zfs.List(ctx, root, nil)
	if err != nil {
		return b.noZFS(err)
	}
	d := engine.Difference{Object: "dataset " + root.String(), Want: "waddle's own"}
	var strange []string
	volumes := 0
	for _, i := range all.Items {
		below := strings.Split(i.Name.Relative(), "/")
		switch {
		case i.Type == zfs.Volumes:
			volumes++
		case i.Type == zfs.Snapshots || below[0] == detachedChild && len(below) <= 2 || below[0] == volumesChild && len(below) == 1:
		case i.Referenced > own:
			strange = append(strange, fmt.Sprintf("%s has %d bytes of files", i.Name, i.Referenced))
		case !i.Name.IsRoot():
			strange = append(strange, "file system "+i.Name.String())
		}
	}
	if len(strange) > 0 {
		d.Kind, d.Is = engine.Conflict, strings.Join(strange, ", ")
		d.Note = "move that away, or choose another spec.storage.dataset"
	} else {
		d.Kind, d.Is = engine.Adopt, fmt.Sprintf("somebody's, with %s", counted(volumes, "volume", "volumes"))
		d.Note = "its volumes and their sessions stay"
	}
	f.Differences = append(f.Differences, d)
	return nil
}

// ApplyDataset makes what is missing and sets what differs.
func (b *Backend) ApplyDataset(ctx context.Context, adopt bool) error {
	f, err := b.LookDataset(ctx)
	if err != nil {
		return err
	}
	if err := f.settled(adopt); err != nil {
		return err
	}
	l, err := b.layout()
	if err != nil {
		return err
	}
	_, err = b.zfs.EnsureLayout(ctx, l)
	return b.noZFS(err)
}

// layoutProperties are those that EnsureLayout may set on a dataset that exists.
var layoutProperties = []string{"compression", "atime", "sync", "snapdev", "quota", markProperty}

// CaptureDataset records what is there.
func (b *Backend) CaptureDataset(ctx context.Context) (DatasetBefore, error) {
	before := DatasetBefore{Set: map[string]string{}}
	out, err := b.zfs.Run(ctx, zfs.Get(zfs.Query{Targets: []zfs.Target{b.zfs.Root().Dataset()}, Properties: layoutProperties}, "property", "value", "source"))
	if errors.Is(err, zfs.ErrNotExist) {
		return before, nil
	}
	if err != nil {
		return before, b.noZFS(err)
	}
	before.Existed = true
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) == 3 && (f[2] == "local" || f[2] == "received") {
			before.Set[f[0]] = f[1]
		}
	}
	return before, nil
}

// ShowUndoDataset says what UndoDataset would do.
func (b *Backend) ShowUndoDataset(ctx context.Context, before DatasetBefore) ([]engine.Difference, error) {
	now, err := b.CaptureDataset(ctx)
	if err != nil || !now.Existed {
		return nil, err
	}
	root := b.zfs.Root().String()
	if !before.Existed {
		d := engine.Difference{Kind: engine.Remove, Object: "dataset " + root, Is: "empty"}
		if inside, err := b.inside(ctx); err != nil {
			return nil, err
		} else if inside != "" {
			d.Kind, d.Is, d.Note = engine.Conflict, inside, "delete them first"
		}
		return []engine.Difference{d}, nil
	}
	var ds []engine.Difference
	for _, name := range layoutProperties {
		is, was := now.Set[name], before.Set[name]
		if is != was {
			d := engine.Difference{Kind: engine.Change, Object: "property " + name + " of " + root, Is: is, Want: was}
			if was == "" {
				d.Kind = engine.Remove
			}
			ds = append(ds, d)
		}
	}
	return ds, nil
}

// inside says what is in the layout beside itself; empty when nothing is.
func (b *Backend) inside(ctx context.Context) (string, error) {
	all, err := b.zfs.List(ctx, b.zfs.Root().Dataset(), nil)
	if err != nil {
		return "", err
	}
	n := len(all.Skipped)
	for _, i := range all.Items {
		if r := i.Name.Relative(); i.Snapshot.String() != "" || r != "" && r != volumesChild && r != detachedChild {
			n++
		}
	}
	if n == 0 {
		return "", nil
	}
	return counted(n, "volume, snapshot or dataset", "volumes, snapshots or datasets"), nil
}

// UndoDataset puts back what was there: a dataset that waddle made goes when it
// is empty, one that it took over gets its properties back.
func (b *Backend) UndoDataset(ctx context.Context, before DatasetBefore) error {
	ds, err := b.ShowUndoDataset(ctx, before)
	if err != nil || len(ds) == 0 {
		return b.noZFS(err)
	}
	root := b.zfs.Root().Dataset()
	if !before.Existed {
		if ds[0].Kind == engine.Conflict {
			return &ConflictError{ds}
		}
		return classified(b.zfs.RemoveLayout(ctx), "cannot remove dataset %s", root)
	}
	now, err := b.CaptureDataset(ctx)
	if err != nil {
		return err
	}
	for _, name := range layoutProperties {
		was, set := before.Set[name]
		if now.Set[name] == was {
			continue
		}
		if name == "quota" && !set {
			was, set = "none", true // it is not inherited
		}
		if err := b.putBack(ctx, name, was, set); err != nil {
			return classified(err, "cannot put back %s of %s", name, root)
		}
	}
	return nil
}

func (b *Backend) putBack(ctx context.Context, name, was string, set bool) error {
	root := b.zfs.Root().Dataset()
	if !set {
		_, err := b.zfs.Run(ctx, zfs.Inherit(root, name))
		return err
	}
	p, err := zfs.NewProperty(name, was)
	if err == nil {
		_, err = b.zfs.Run(ctx, zfs.Set(root, p))
	}
	return err
}

// noZFS gives a host without ZFS one clear sentence.
func (b *Backend) noZFS(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return problem.Wrap(problem.HostUnsuitable, err, "install zfsutils-linux and reboot; Proxmox VE has it", "this host has no ZFS")
	}
	return b.notReady(err)
}
