package zfstest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/waddle-social/waddle/pkg/zfs"
)

var layoutRows = []Row{
	{"the layout, made once, has no differences and is not made again", func(e *Env) {
		found, err := e.C.LookLayout(e.Ctx, zfs.Layout{})
		e.ok(err)
		if len(found) != 0 {
			e.Fatalf("differs: %v", found)
		}
		done, err := e.C.EnsureLayout(e.Ctx, zfs.Layout{})
		e.ok(err)
		if len(done) != 0 {
			e.Fatalf("changed again: %v", done)
		}
	}},
	{"a property that somebody changed is set back, a child that is gone is made again", func(e *Env) {
		root := e.C.Root().Dataset()
		e.run(zfs.Set(root, e.property("atime", "on")))
		s, err := root.Child("s")
		e.ok(err)
		e.run(zfs.Destroy(s, zfs.DestroyOptions{}))
		done, err := e.C.EnsureLayout(e.Ctx, zfs.Layout{})
		e.ok(err)
		if got := fmt.Sprint(done); !strings.Contains(got, "atime of "+root.String()+" is on, not off") || !strings.Contains(got, "dataset "+s.String()+" is missing") {
			e.Fatalf("changed %s", got)
		}
	}},
	{"a quota bounds what is available below the root", func(e *Env) {
		_, err := e.C.EnsureLayout(e.Ctx, zfs.Layout{Quota: 64 * MiB})
		e.ok(err)
		if i := e.info(e.C.Root().Dataset()); i.Quota != 64*MiB || i.Available > 64*MiB {
			e.Fatalf("quota %d, available %d", i.Quota, i.Available)
		}
	}},
	{"a mark is on the root from the beginning on, and what was inherited is taken back", func(e *Env) {
		root, marked := e.C.Root().Dataset(), zfs.Layout{Mark: e.property("waddle:mark", "on")}
		done, err := e.C.EnsureLayout(e.Ctx, marked)
		e.ok(err)
		if got := fmt.Sprint(done); !strings.Contains(got, "waddle:mark of "+root.String()+" is -, not on") {
			e.Fatalf("changed %s", got)
		}
		e.run(zfs.Inherit(root, "waddle:mark"))
		e.run(zfs.Inherit(root, "sync"))
		found, err := e.C.LookLayout(e.Ctx, marked)
		e.ok(err)
		if len(found) != 1 || found[0].Property != "waddle:mark" {
			e.Fatalf("differs: %v", found)
		}
	}},
	{"the layout is taken away when it is empty, and not with a volume in it", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		if err := e.C.RemoveLayout(e.Ctx); !errors.Is(err, zfs.ErrChildren) {
			e.Fatalf("got %v, want that it has children", err)
		}
		e.run(zfs.Destroy(v, zfs.DestroyOptions{}))
		e.ok(e.C.RemoveLayout(e.Ctx))
		if _, err := e.C.Get(e.Ctx, nil, e.C.Root().Dataset()); !errors.Is(err, zfs.ErrNotExist) {
			e.Fatalf("got %v, want that it is gone", err)
		}
		e.ok(e.C.RemoveLayout(e.Ctx))
		done, err := e.C.EnsureLayout(e.Ctx, zfs.Layout{Mark: e.property("waddle:mark", "on")})
		e.ok(err)
		if len(done) != 3 {
			e.Fatalf("made %v", done)
		}
	}},
	{"a reserved volume beyond the quota is refused as out of space and leaves nothing", func(e *Env) {
		_, err := e.C.EnsureLayout(e.Ctx, zfs.Layout{Quota: 64 * MiB})
		e.ok(err)
		v := e.volume("big")
		_, err = e.C.Create(e.Ctx, zfs.CreateVolumeSpec{Volume: v, Size: 128 * MiB})
		if !errors.Is(err, zfs.ErrNoSpace) {
			e.Fatalf("got %v, want out of space", err)
		}
		e.missing(v)
	}},
}

var volumeRows = []Row{
	{"a thin volume appears as a device of its size and reserves nothing", func(e *Env) {
		v, device := e.made("a", 32*MiB)
		i := e.info(v)
		if i.Type != zfs.Volumes || i.VolumeSize != 32*MiB || i.RefReservation != 0 || i.VolumeBlock != 16<<10 {
			e.Fatalf("%+v", i)
		}
		f, err := os.Open(device)
		e.ok(err)
		defer f.Close()
		if size, err := f.Seek(0, 2); err != nil || size != 32*MiB {
			e.Fatalf("device has %d bytes, %v", size, err)
		}
	}},
	{"a volume that exists is refused with zfs's own words", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		e.fails(zfs.CreateVolume(zfs.CreateVolumeSpec{Volume: v, Size: 16 * MiB, Sparse: true}), zfs.ErrExist,
			"cannot create '"+v.String()+"': dataset already exists\n")
	}},
	{"a volume that exists is success for create -p and stays as it is", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "kept")
		out, err := e.C.Exec(e.Ctx, zfs.CreateVolume(zfs.CreateVolumeSpec{Volume: v, Size: 32 * MiB, Parents: true}))
		e.ok(err)
		if out.Code != 0 {
			e.Fatalf("code %d: %s", out.Code, out.Stderr)
		}
		if i := e.info(v); i.VolumeSize != 16*MiB {
			e.Fatalf("size is now %d", i.VolumeSize)
		}
		e.holds(device, "kept")
	}},
	{"a volume below a dataset that does not exist is refused", func(e *Env) {
		n, err := e.C.Root().Dataset().Child("v", "none", "a")
		e.ok(err)
		v, err := n.Volume()
		e.ok(err)
		e.fails(zfs.CreateVolume(zfs.CreateVolumeSpec{Volume: v, Size: 16 * MiB}), zfs.ErrNotExist,
			"cannot create '"+v.String()+"': parent does not exist\n")
	}},
	{"a volume grows, and keeps what it holds", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "kept")
		e.ok(e.C.Resize(e.Ctx, v, 48*MiB))
		e.ok(e.C.Resize(e.Ctx, v, 48*MiB))
		if i := e.info(v); i.VolumeSize != 48*MiB {
			e.Fatalf("size is %d", i.VolumeSize)
		}
		e.holds(device, "kept")
	}},
	{"a volume never shrinks, whichever way it is asked", func(e *Env) {
		v, _ := e.made("a", 32*MiB)
		if err := e.C.Resize(e.Ctx, v, 16*MiB); !errors.Is(err, zfs.ErrShrink) {
			e.Fatalf("resize: got %v", err)
		}
		if _, err := e.C.Exec(e.Ctx, zfs.Set(v, e.property("democratic-csi:x", "y"), e.property("volsize", "16777216"))); !errors.Is(err, zfs.ErrShrink) {
			e.Fatalf("set: got %v", err)
		}
		if i := e.info(v, "democratic-csi:x"); i.VolumeSize != 32*MiB || len(i.User) != 0 {
			e.Fatalf("%+v", i)
		}
	}},
	{"sizes that are zero, or no multiple of the block, are refused before zfs runs", func(e *Env) {
		for _, size := range []uint64{0, 1, MiB + 512, 1 << 63} {
			_, err := e.C.Create(e.Ctx, zfs.CreateVolumeSpec{Volume: e.volume("a"), Size: size, Sparse: true})
			if !errors.Is(err, zfs.ErrInvalid) {
				e.Fatalf("size %d: got %v", size, err)
			}
		}
		e.missing(e.volume("a"))
		v, _ := e.made("b", 16*MiB)
		if err := e.C.Resize(e.Ctx, v, 16*MiB+1); !errors.Is(err, zfs.ErrInvalid) {
			e.Fatalf("resize: got %v", err)
		}
	}},
	{"a volsize that is no multiple of the block is refused by zfs too", func(e *Env) {
		v, _ := e.made("a", 16*MiB)
		e.failsWith(255, zfs.Set(v, e.property("volsize", fmt.Sprint(16*MiB+1))), zfs.ErrInvalid,
			"cannot set property for '"+v.String()+"': 'volsize' must be a multiple of volume block size (16K)\n")
	}},
	{"the block size is the one that was asked for, and cannot be changed", func(e *Env) {
		v, _ := e.made("a", 16*MiB, e.property("volblocksize", "8K"))
		if i := e.info(v); i.VolumeBlock != 8<<10 {
			e.Fatalf("block size is %d", i.VolumeBlock)
		}
		e.failsWith(255, zfs.Set(v, e.property("volblocksize", "16K")), zfs.ErrInvalid,
			"cannot set property for '"+v.String()+"': 'volblocksize' is readonly\n")
	}},
	{"a block size has a source only where it is the default", func(e *Env) {
		for size, want := range map[string]string{"16K": "16384\tdefault\n", "8K": "8192\t-\n"} {
			v, _ := e.made("a"+size, 16*MiB, e.property("volblocksize", size))
			out, err := e.C.Run(e.Ctx, zfs.Get(zfs.Query{Targets: []zfs.Target{v}, Properties: []string{"volblocksize"}}, "value", "source"))
			e.ok(err)
			if string(out) != want {
				e.Errorf("block size %s: zfs get says %q, want %q", size, out, want)
			}
		}
	}},
	{"two creates of one name at once: one wins, the other is told that it exists", func(e *Env) {
		v := e.volume("a")
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = e.C.Create(e.Ctx, zfs.CreateVolumeSpec{Volume: v, Size: 16 * MiB, Sparse: true})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), zfs.ErrExist) {
			e.Fatalf("got %v and %v", errs[0], errs[1])
		}
	}},
	{"twenty volumes made at once are all there", func(e *Env) {
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			v := e.volume(fmt.Sprintf("p%d", i))
			wg.Go(func() {
				_, errs[i] = e.C.Create(e.Ctx, zfs.CreateVolumeSpec{Volume: v, Size: 16 * MiB, Sparse: true})
			})
		}
		wg.Wait()
		e.ok(errors.Join(errs...))
		l, err := e.C.List(e.Ctx, e.C.Root().Dataset(), nil, zfs.Volumes)
		e.ok(err)
		if len(l.Items) != 20 {
			e.Fatalf("%d volumes", len(l.Items))
		}
	}},
	{"a volume is renamed with its snapshots, and its device with it", func(e *Env) {
		v, device := e.made("a", 16*MiB)
		e.write(device, "moved")
		e.taken(v, "s")
		w := e.volume("b")
		e.run(zfs.Rename(v.Name, w.Name))
		moved, err := e.C.WaitDevice(e.Ctx, w)
		e.ok(err)
		e.holds(moved, "moved")
		e.missing(v)
		e.info(e.snap(w, "s"))
	}},
}
