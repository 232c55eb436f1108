package zfstest

import (
	"errors"
	"os"

	"github.com/waddle-social/waddle/pkg/zfs"
)

var destroyRows = []Row{
	{"a destroyed volume is gone, and its device with it", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.run(zfs.Destroy(v, zfs.DestroyOptions{Recursive: true, Force: true}))
		e.missing(v)
		if _, err := os.Stat(device); !errors.Is(err, os.ErrNotExist) {
			e.Fatalf("%s: %v", device, err)
		}
	}},
	{"destroying what does not exist says so in zfs's words", func(e *Env) {
		v := e.volume("none")
		e.fails(zfs.Destroy(v, zfs.DestroyOptions{Recursive: true, Force: true}), zfs.ErrNotExist,
			"cannot open '"+v.String()+"': dataset does not exist\n")
		w, _ := e.made("a", 16*MiB)
		e.fails(zfs.Destroy(e.snap(w, "none"), zfs.DestroyOptions{Recursive: true, Defer: true}), zfs.ErrNotExist,
			"could not find any snapshots to destroy; check snapshot names.\n")
	}},
	{"a volume with a snapshot goes only with -r", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		s := e.taken(v, "s")
		e.fails(zfs.Destroy(v, zfs.DestroyOptions{}), zfs.ErrChildren,
			"cannot destroy '"+v.String()+"': volume has children\nuse '-r' to destroy the following datasets:\n"+s.String()+"\n")
		e.run(zfs.Destroy(v, zfs.DestroyOptions{Recursive: true}))
	}},
	{"a volume with a clone does not go, not even with -r", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		w := e.volume("b")
		_, err := e.C.CloneVolume(e.Ctx, e.taken(v, "s"), w)
		e.ok(err)
		e.fails(zfs.Destroy(v, zfs.DestroyOptions{Recursive: true, Force: true}), zfs.ErrDependents,
			"cannot destroy '"+v.String()+"': volume has dependent clones\nuse '-R' to destroy the following datasets:\n"+w.String()+"\n")
		e.info(v)
	}},
	{"a snapshot with a clone goes when the clone goes, if that was asked for", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		s := e.taken(v, "s")
		w := e.volume("b")
		_, err := e.C.CloneVolume(e.Ctx, s, w)
		e.ok(err)
		if _, err := e.C.Run(e.Ctx, zfs.Destroy(s, zfs.DestroyOptions{})); !errors.Is(err, zfs.ErrDependents) {
			e.Fatalf("got %v", err)
		}
		e.run(zfs.Destroy(s, zfs.DestroyOptions{Recursive: true, Force: true, Defer: true}))
		if i := e.info(s); !i.DeferDestroy {
			e.Fatal("not marked")
		}
		e.run(zfs.Destroy(w, zfs.DestroyOptions{}))
		e.missing(s)
	}},
	{"the root is never destroyed, renamed or received into", func(e *Env) {
		root := e.C.Root().Dataset()
		for _, cmd := range []zfs.Command{
			zfs.Destroy(root, zfs.DestroyOptions{Recursive: true, Force: true}),
			zfs.Rename(root, e.volume("x").Name),
			zfs.Rename(e.volume("x").Name, root),
		} {
			if _, err := e.C.Exec(e.Ctx, cmd); err == nil {
				e.Fatalf("%s was run", cmd)
			}
		}
		if _, err := e.C.Copy(e.Ctx, e.snap(e.volume("x"), "s"), root); err == nil {
			e.Fatal("received into the root")
		}
		e.info(root)
	}},
}

var copyRows = []Row{
	{"a copy is a volume of its own with the data, and keeps no tie to its source", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "copied")
		s := e.taken(v, "s")
		w := e.volume("b")
		_, err := e.C.Copy(e.Ctx, s, w.Name)
		e.ok(err)
		copied, err := e.C.WaitDevice(e.Ctx, w)
		e.ok(err)
		e.holds(copied, "copied")
		e.run(zfs.Destroy(v, zfs.DestroyOptions{Recursive: true}))
		e.info(e.snap(w, "s"))
	}},
	{"a copy over what exists is refused and leaves it as it is", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "source")
		w, other := e.made("b", 16*MiB)
		e.write(other, "target")
		_, err := e.C.Copy(e.Ctx, e.taken(v, "s"), w.Name)
		if !errors.Is(err, zfs.ErrExist) {
			e.Fatalf("got %v", err)
		}
		e.holds(other, "target")
	}},
	{"a copy of a snapshot that does not exist fails with the sender's words and leaves nothing", func(e *Env) {
		s := e.snap(e.volume("none"), "s")
		w := e.volume("b")
		_, err := e.C.Copy(e.Ctx, s, w.Name)
		if !errors.Is(err, zfs.ErrNotExist) {
			e.Fatalf("got %v", err)
		}
		e.missing(w)
	}},
}

var readRows = []Row{
	{"one read of several tells what there is and that one is missing", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		infos, err := e.C.Get(e.Ctx, nil, v, e.volume("none"))
		if !errors.Is(err, zfs.ErrNotExist) || len(infos) != 1 || infos[0].Name != v.Name {
			e.Fatalf("%v, %v", infos, err)
		}
	}},
	{"a property's value comes back as it was set, JSON and spaces included", func(e *Env) {
		const key, value = "democratic-csi:csi_share_volume_context", `{"portal":"10.10.0.1:3260","iqn":"iqn.2026-01.social.waddle:csi:a","note":"a 'b' $c"}`
		v, _ := e.made("a", 16*MiB, e.property(key, value))
		if got := e.info(v, key).User[key]; got != value {
			e.Fatalf("got %q", got)
		}
	}},
	{"the get that democratic-csi sends prints what it expects of a volume that is missing", func(e *Env) {
		v := e.volume("none")
		q := zfs.Query{Targets: []zfs.Target{v}, Properties: []string{"volsize", "refquota"}}
		e.fails(zfs.Get(q, "name", "property", "value", "received", "source"), zfs.ErrNotExist,
			"cannot open '"+v.String()+"': dataset does not exist\n")
	}},
	{"a list prints one line a volume in the columns that were asked for", func(e *Env) {
		v, _ := e.made("a", 16*MiB, e.property(managed, "true"))
		q := zfs.Query{Targets: []zfs.Target{v.Parent()}, Properties: []string{"name", "volsize", managed, "refquota"}, Types: []string{zfs.Volumes}, Recursive: true}
		out, err := e.C.Run(e.Ctx, zfs.List(q))
		e.ok(err)
		if want := v.String() + "\t16777216\ttrue\t-\n"; string(out) != want {
			e.Fatalf("got %q, want %q", out, want)
		}
	}},
}
