package execute

import (
	"context"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

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
		// The next volume of the name is another one, and is looked at from the start.
		if v, err := e.volume(o); err == nil && o.IsVolume() {
			e.departing.clear(Asset(v))
		}
	}
	return a
}
