package execute

import (
	"context"
	"slices"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

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
	if c.Of.IsVolume() && slices.ContainsFunc(c.Properties, func(p grammar.Property) bool { return p.Name == managedProperty }) {
		if err := e.notOperators(ctx, v.Name); err != nil { // it would be the driver's to destroy
			return failed(err)
		}
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
