package execute

import (
	"context"
	"errors"
	"strings"

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
		if err := e.notOperators(ctx, v.Name); err != nil {
			return failed(err)
		}
		return e.change(ctx, zfs.DestroySnapshots(v))
	}
	t, err := e.object(o)
	if err != nil {
		return failed(err)
	}
	if c.Recursive {
		if err := e.driversOwn(ctx, o, t); err != nil {
			if v, is := e.volume(o); is == nil && o.IsVolume() {
				e.departing.clear(Asset(v)) // it stays, and stays repaired
			}
			return failed(err)
		}
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

// exportProperty is on a volume that an operator made, or took over from an older
// host (package storage).
const exportProperty = "waddle:export"

const managedProperty = prefix + "managed_resource"

// The driver's snapshots for a moment; they have no property.
const helperPrefix = "volume-source-for-"

// driversOwn refuses a recursive destroy of what the driver did not make. Whoever
// may create a PersistentVolume or a snapshot content writes the names.
func (e *Executor) driversOwn(ctx context.Context, o grammar.Object, t zfs.Target) error {
	if strings.HasPrefix(o.Snapshot, helperPrefix) {
		return nil
	}
	infos, err := e.o.ZFS.Get(ctx, []string{managedProperty, exportProperty}, t)
	if errors.Is(err, zfs.ErrNotExist) {
		return nil // zfs says so itself
	}
	if err != nil {
		return err
	}
	i := infos[0]
	switch {
	case i.Type == zfs.Filesystems:
		return grammar.Refuse("%s is no volume but a file system, with everything in it; remove it with zfs if it may go", t)
	case i.Type == zfs.Snapshots && i.User[managedProperty] != "true":
		return grammar.Refuse("snapshot %s is not democratic-csi's; delete it with: waddle storage snapshot --delete", t)
	case operators(i):
		return refuseOperators(i.Name)
	}
	return nil
}

// notOperators refuses to take something from a volume that an operator made
// beside the cluster's.
func (e *Executor) notOperators(ctx context.Context, n zfs.Name) error {
	infos, err := e.o.ZFS.Get(ctx, []string{managedProperty, exportProperty}, n)
	switch {
	case errors.Is(err, zfs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case operators(infos[0]):
		return refuseOperators(n)
	}
	return nil
}

func operators(i zfs.Info) bool {
	return i.User[exportProperty] != "" && i.User[managedProperty] != "true"
}

func refuseOperators(n zfs.Name) error {
	return grammar.Refuse("volume %s was made with waddle and is not democratic-csi's; change or delete it with: waddle storage", n)
}
