package zfstest

import (
	"errors"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/pkg/zfs"
)

const managed = "democratic-csi:managed_resource"

var snapshotRows = []Row{
	{"a snapshot keeps what the volume held when it was taken", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "before")
		s := e.taken(v, "s")
		e.write(device, "after!")
		e.run(zfs.Rollback(s, false))
		_, err := e.C.WaitDevice(e.Ctx, v)
		e.ok(err)
		e.holds(device, "before")
	}},
	{"a rollback takes the size back too, and not the user properties", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		s := e.taken(v, "s")
		e.ok(e.C.Resize(e.Ctx, v, 32*MiB))
		e.run(zfs.Set(v, e.property(managed, "true")))
		e.run(zfs.Rollback(s, false))
		if got := e.info(v, managed); got.VolumeSize != 16*MiB || got.User[managed] != "true" {
			e.Fatalf("it has %d bytes and %v", got.VolumeSize, got.User)
		}
	}},
	{"a snapshot that exists is refused with zfs's own words", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		s := e.taken(v, "s")
		e.fails(zfs.TakeSnapshot(s), zfs.ErrExist, "cannot create snapshot '"+s.String()+"': dataset already exists\n")
	}},
	{"a rollback past a newer snapshot is refused unless asked for", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		old := e.taken(v, "old")
		newer := e.taken(v, "newer")
		_, err := e.C.Run(e.Ctx, zfs.Rollback(old, false))
		if z := new(zfs.Error); !errors.Is(err, zfs.ErrNewer) || !errors.As(err, &z) || !slices.Contains(strings.Split(z.Text, "\n"), newer.String()) {
			e.Fatalf("got %v, which does not name %s on a line of its own", err, newer)
		}
		e.run(zfs.Rollback(old, true))
		e.missing(newer)
	}},
	{"a user property is the snapshot's own only where it was set", func(e *Env) {
		v, _ := e.made("a", 16*MiB, e.property(managed, "true"))
		plain := e.taken(v, "plain")
		own := e.taken(v, "own", e.property(managed, "yes"))
		if got := e.info(v, managed).User[managed]; got != "true" {
			e.Fatalf("volume: %q", got)
		}
		if got := e.info(plain, managed).User; len(got) != 0 {
			e.Fatalf("the inherited value counts as its own: %v", got)
		}
		if got := e.info(own, managed).User[managed]; got != "yes" {
			e.Fatalf("snapshot: %q", got)
		}
	}},
	{"a snapshot of a volume that does not exist is refused", func(e *Env) {
		s := e.snap(e.volume("none"), "s")
		if _, err := e.C.Run(e.Ctx, zfs.TakeSnapshot(s)); !errors.Is(err, zfs.ErrNotExist) {
			e.Fatalf("got %v", err)
		}
	}},
	{"all snapshots of a volume go at once, and none is an error with zfs's words", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		e.taken(v, "s1")
		e.taken(v, "s2")
		e.run(zfs.DestroySnapshots(v))
		e.missing(e.snap(v, "s1"))
		e.fails(zfs.DestroySnapshots(v), zfs.ErrNotExist, "could not find any snapshots to destroy; check snapshot names.\n")
		e.info(v)
	}},
}

var cloneRows = []Row{
	{"a clone holds the snapshot's data, has it as origin, and can be grown", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "origin")
		s := e.taken(v, "s")
		w := e.volume("b")
		cloned, err := e.C.CloneVolume(e.Ctx, s, w, e.property(managed, "true"))
		e.ok(err)
		e.holds(cloned, "origin")
		e.ok(e.C.Resize(e.Ctx, w, 32*MiB))
		if i := e.info(w, managed); i.Origin != s || i.VolumeSize != 32*MiB || i.User[managed] != "true" {
			e.Fatalf("%+v", i)
		}
	}},
	{"a clone of a snapshot that does not exist is refused", func(e *Env) {
		s := e.snap(e.volume("none"), "s")
		e.fails(zfs.Clone(s, e.volume("b")), zfs.ErrNotExist, "cannot open '"+s.String()+"': dataset does not exist\n")
	}},
}
