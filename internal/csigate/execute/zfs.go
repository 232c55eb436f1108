package execute

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// name converts an object that grammar has checked. pkg/zfs checks it again by
// rules of its own, so that a fault in one of the two reaches nothing.
func (e *Executor) name(o grammar.Object) (zfs.Name, error) {
	n, err := e.o.ZFS.Root().Name(o.Dataset(e.layout))
	if err != nil {
		return n, grammar.Refuse("%s cannot be used as a dataset: %v", grammar.Quote(o.Name(e.layout)), err)
	}
	return n, nil
}

func (e *Executor) volume(o grammar.Object) (zfs.Volume, error) {
	n, err := e.name(o)
	if err != nil {
		return zfs.Volume{}, err
	}
	return n.Volume()
}

func (e *Executor) snapshotOf(o grammar.Object) (zfs.Snapshot, error) {
	n, err := e.name(o)
	if err != nil {
		return zfs.Snapshot{}, err
	}
	s, err := n.Snapshot(o.Snapshot)
	if err != nil {
		return s, grammar.Refuse("%s cannot be used as a snapshot: %v", grammar.Quote(o.Name(e.layout)), err)
	}
	return s, nil
}

func (e *Executor) object(o grammar.Object) (zfs.Target, error) {
	if o.Snapshot != "" {
		return e.snapshotOf(o)
	}
	return e.name(o)
}

// pass runs a command and passes zfs's answer on.
func (e *Executor) pass(ctx context.Context, c zfs.Command) Answer {
	out, err := e.o.ZFS.Exec(ctx, c)
	if err != nil {
		return failed(err)
	}
	return Answer{Stdout: out.Stdout, Stderr: out.Stderr, Code: out.Code}
}

// change is pass for what must not be cut in the middle.
func (e *Executor) change(ctx context.Context, c zfs.Command) Answer {
	ctx, cancel := e.begun(ctx)
	defer cancel()
	return e.pass(ctx, c)
}

func types(t string) []string {
	if t == "" {
		return nil
	}
	return []string{t}
}

func (e *Executor) get(ctx context.Context, c grammar.Get) Answer {
	t, err := e.object(c.Of)
	if err != nil {
		return failed(err)
	}
	return e.pass(ctx, zfs.Get(zfs.Query{Targets: []zfs.Target{t}, Properties: c.Properties, Types: types(c.Type)},
		"name", "property", "value", "received", "source"))
}

func (e *Executor) list(ctx context.Context, c grammar.List) Answer {
	t, err := e.object(c.Of)
	if err != nil {
		return failed(err)
	}
	return e.pass(ctx, zfs.List(zfs.Query{Targets: []zfs.Target{t}, Properties: c.Columns, Types: types(c.Type), Recursive: c.Recursive}))
}

func (e *Executor) createDataset(ctx context.Context, c grammar.CreateDataset) Answer {
	n, err := e.name(c.Of)
	if err != nil {
		return failed(err)
	}
	return e.change(ctx, zfs.CreateFilesystem(n, true))
}

func (e *Executor) createVolume(ctx context.Context, c grammar.CreateVolume) Answer {
	v, properties, err := e.newVolume(c.Of, c.Properties)
	if err != nil {
		return failed(err)
	}
	if err := multiple(c); err != nil {
		return failed(err)
	}
	return e.accounted(ctx, v.Name, c.Size, func(ctx context.Context) Answer {
		return e.pass(ctx, zfs.CreateVolume(zfs.CreateVolumeSpec{Volume: v, Size: c.Size, Properties: properties, Parents: true}))
	})
}

// multiple refuses a size that zfs would silently round up. The driver rounds by
// itself; whoever sends another one is not it.
func multiple(c grammar.CreateVolume) error {
	block := uint64(16 << 10)
	for _, p := range c.Properties {
		if p.Name == "volblocksize" {
			var err error
			if block, err = zfs.ParseSize(p.Value); err != nil || block == 0 {
				return grammar.Refuse("block size %s is not a size", grammar.Quote(p.Value))
			}
		}
	}
	if c.Size%block != 0 {
		return grammar.Refuse("size %d is not a multiple of the block size %d", c.Size, block)
	}
	return nil
}

// newVolume checks a volume that is about to be made, its target's name too: a
// volume that can never be exported would only be left over.
func (e *Executor) newVolume(o grammar.Object, all []grammar.Property) (zfs.Volume, []zfs.Property, error) {
	v, err := e.volume(o)
	if err != nil {
		return v, nil, err
	}
	if _, err := e.iqn(v); err != nil {
		return v, nil, err
	}
	if size, err := volsize(all); err != nil || size != 0 {
		return v, nil, grammar.Refuse("volsize is not a property to make a volume with; its size is")
	}
	properties, err := e.properties(o, v, all)
	return v, properties, err
}

func (e *Executor) set(ctx context.Context, c grammar.Set) Answer {
	t, err := e.object(c.Of)
	if err != nil {
		return failed(err)
	}
	var v zfs.Volume
	if c.Of.IsVolume() {
		if v, err = e.volume(c.Of); err != nil {
			return failed(err)
		}
	}
	properties, err := e.properties(c.Of, v, c.Properties)
	if err != nil {
		return failed(err)
	}
	size, err := volsize(c.Properties)
	if err != nil {
		return failed(err)
	}
	if size == 0 {
		return e.change(ctx, zfs.Set(t, properties...))
	}
	return e.accounted(ctx, v.Name, size, func(ctx context.Context) Answer { return e.pass(ctx, zfs.Set(t, properties...)) })
}

func (e *Executor) snapshot(ctx context.Context, c grammar.Snapshot) Answer {
	if c.Of.IsContainerSnapshot() {
		// A volume from a snapshot whose id has no slash: there is none.
		return Answer{Stderr: []byte("cannot open '" + c.Of.Dataset(e.layout) + "': dataset does not exist\n"), Code: 1}
	}
	s, err := e.snapshotOf(c.Of)
	if err != nil {
		return failed(err)
	}
	properties, err := e.properties(c.Of, zfs.Volume{}, c.Properties)
	if err != nil {
		return failed(err)
	}
	return e.change(ctx, zfs.TakeSnapshot(s, properties...))
}

func (e *Executor) clone(ctx context.Context, c grammar.Clone) Answer {
	from, err := e.snapshotOf(c.From)
	if err != nil {
		return failed(err)
	}
	v, properties, err := e.newVolume(c.To, c.Properties)
	if err != nil {
		return failed(err)
	}
	size, err := e.sizeOf(ctx, from, "volsize")
	if err != nil {
		return failed(err)
	}
	return e.accounted(ctx, v.Name, size, func(ctx context.Context) Answer { return e.pass(ctx, zfs.Clone(from, v, properties...)) })
}

// copy ends with its client: what was received in part is removed by zfs.
func (e *Executor) copy(ctx context.Context, c grammar.Copy) Answer {
	from, err := e.snapshotOf(c.From)
	if err != nil {
		return failed(err)
	}
	to, err := e.name(c.To)
	if err != nil {
		return failed(err)
	}
	property := "referenced" // a detached snapshot is never written to
	if c.To.IsVolume() {
		property = "volsize"
		if _, _, err := e.newVolume(c.To, nil); err != nil {
			return failed(err)
		}
	}
	size, err := e.sizeOf(ctx, from, property)
	if err != nil {
		return failed(err)
	}
	settle, err := e.ledger.reserve(ctx, to, size)
	if err != nil {
		return failed(err)
	}
	out, err := e.o.ZFS.Copy(ctx, from, to)
	settle(err == nil)
	a := Answer{Stderr: append(out.Send.Stderr, out.Receive.Stderr...), Code: out.Receive.Code}
	if a.Code == 0 {
		a.Code = out.Send.Code // a shell would not tell
	}
	if err != nil && ctx.Err() != nil {
		return failed(fmt.Errorf("cannot copy %s to %s: %w", from, to, context.Cause(ctx)))
	}
	if err != nil && a.Code == 0 {
		return failed(err)
	}
	return a
}

// accounted runs a change that makes or resizes a volume, when there is room.
func (e *Executor) accounted(ctx context.Context, n zfs.Name, size uint64, run func(context.Context) Answer) Answer {
	settle, err := e.ledger.reserve(ctx, n, size)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := e.begun(ctx)
	defer cancel()
	a := run(ctx)
	settle(a.Code == 0)
	return a
}

// destroy runs what cannot take more than one volume or snapshot with it. Three
// forms that the driver sends for a malformed id would take a whole container or
// a tree; they are answered as zfs would if there were nothing to take, which
// the driver counts as done.
func (e *Executor) destroy(ctx context.Context, c grammar.Destroy) Answer {
	o := c.Of
	name := o.Name(e.layout)
	switch {
	case o.Tree == grammar.Detached && len(o.Path) == 1 && c.Recursive:
		return Answer{Stderr: []byte("cannot open '" + name + "': dataset does not exist\n"), Code: 1}
	case o.Tree == grammar.Detached && len(o.Path) == 0 && o.Snapshot != "":
		return Answer{Stderr: []byte("could not find any snapshots to destroy; check snapshot names.\n"), Code: 1}
	case o.Tree == grammar.Detached && len(o.Path) == 0:
		return Answer{Stderr: []byte("cannot destroy '" + name + "': filesystem has children\n"), Code: 1}
	case o.Snapshot == grammar.AllSnapshots:
		v, err := e.volume(o)
		if err != nil {
			return failed(err)
		}
		return e.change(ctx, zfs.DestroySnapshots(v))
	}
	t, err := e.object(o)
	if err != nil {
		return failed(err)
	}
	a := e.change(ctx, zfs.Destroy(t, zfs.DestroyOptions{Recursive: c.Recursive, Force: c.Force, Defer: c.Defer}))
	if a.Code == 0 && o.Snapshot == "" {
		e.ledger.forget(name)
	}
	return a
}

// sizeOf reads one number of a snapshot.
func (e *Executor) sizeOf(ctx context.Context, s zfs.Snapshot, property string) (uint64, error) {
	infos, err := e.o.ZFS.Get(ctx, nil, s)
	if err != nil {
		return 0, err
	}
	size := infos[0].VolumeSize
	if property == "referenced" {
		size = infos[0].Referenced
	}
	if infos[0].VolumeSize == 0 {
		return 0, grammar.Refuse("%s is not a volume's snapshot", s)
	}
	return size, nil
}
