package csigate_test

import (
	"errors"
	"sync"
	"testing"
)

var errKilled = errors.New("killed")

// fuse fails every operation from one on, as a SIGKILL before it would.
type fuse struct {
	mu     sync.Mutex
	left   int
	killed bool
}

func (f *fuse) seam(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		f.killed = true
		return errKilled
	}
	f.left--
	return nil
}

// TestADaemonKilledAnywhereIsFinishedByTheSameCommandAgain kills between any two
// operations of zfs and of the kernel's target, starts the daemon again, and
// lets the driver repeat its RPC, as the provisioner does.
func TestADaemonKilledAnywhereIsFinishedByTheSameCommandAgain(t *testing.T) {
	const size = 16 << 20
	nothing := func(*world) error { return nil }
	one := func(w *world) error { return w.d.CreateVolume("pvc-1", size) }
	snapped := func(w *world) error { return errors.Join(one(w), w.d.CreateSnapshot("pvc-1", "snap-1", false)) }
	detached := func(w *world) error { return errors.Join(one(w), w.d.CreateSnapshot("pvc-1", "snap-1", true)) }
	cloned := func(w *world) error {
		return errors.Join(one(w), w.d.CreateVolumeFromVolume("pvc-2", 2*size, "pvc-1", false))
	}
	all := 0
	for _, row := range []struct {
		name       string
		setup, rpc func(*world) error
	}{
		{"create", nothing, one},
		{"grow", one, func(w *world) error { return w.d.ExpandVolume("pvc-1", 2*size) }},
		{"delete", one, func(w *world) error { return w.d.DeleteVolume("pvc-1") }},
		{"snapshot", one, func(w *world) error { return w.d.CreateSnapshot("pvc-1", "snap-1", false) }},
		{"delete a snapshot", snapped, func(w *world) error { return w.d.DeleteSnapshot("pvc-1@snap-1") }},
		{"clone a volume", one, func(w *world) error { return w.d.CreateVolumeFromVolume("pvc-2", 2*size, "pvc-1", false) }},
		{"clone a snapshot", snapped, func(w *world) error { return w.d.CreateVolumeFromSnapshot("pvc-2", 2*size, "pvc-1@snap-1", false) }},
		{"copy a volume", one, func(w *world) error { return w.d.CreateVolumeFromVolume("pvc-2", 2*size, "pvc-1", true) }},
		{"copy a snapshot", snapped, func(w *world) error { return w.d.CreateVolumeFromSnapshot("pvc-2", 2*size, "pvc-1@snap-1", true) }},
		{"delete a clone", cloned, func(w *world) error { return w.d.DeleteVolume("pvc-2") }},
		{"detached snapshot", one, func(w *world) error { return w.d.CreateSnapshot("pvc-1", "snap-1", true) }},
		{"delete a detached snapshot", detached, func(w *world) error { return w.d.DeleteSnapshot("pvc-1/snap-1") }},
		{"volume from a detached snapshot", detached, func(w *world) error {
			return w.d.CreateVolumeFromSnapshot("pvc-2", 2*size, "pvc-1/snap-1", false)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := ""
			for n := 0; ; n++ {
				w := newWorld(t).start()
				must(t, row.setup(w))
				if n == 0 {
					must(t, row.rpc(w))
					want = w.state()
					w.halt()
					w = newWorld(t).start()
					must(t, row.setup(w))
				}
				f := &fuse{left: n}
				w.zfsSeam, w.iscsiSeam = f.seam, f.seam
				w.start()
				err := row.rpc(w)
				if (err != nil) != f.killed {
					t.Fatalf("killed before operation %d: %v, killed %v", n+1, err, f.killed)
				}
				w.zfsSeam, w.iscsiSeam = nil, nil
				w.start()
				if err := row.rpc(w); err != nil {
					t.Fatalf("killed before operation %d, then again: %v", n+1, err)
				}
				if got := w.state(); got != want {
					t.Fatalf("killed before operation %d ends in\n%s\nwant\n%s", n+1, got, want)
				}
				w.halt()
				if !f.killed {
					t.Logf("%d points", n)
					all += n
					return
				}
			}
		})
	}
	t.Logf("%d points in all", all)
	if all < 150 {
		t.Fatalf("only %d points", all)
	}
}
