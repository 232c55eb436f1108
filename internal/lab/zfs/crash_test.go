package zfs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	labzfs "github.com/waddle-social/waddle/internal/lab/zfs"
	"github.com/waddle-social/waddle/pkg/zfs"
	"pgregory.net/rapid"
)

var errKilled = errors.New("killed")

// fuse fails every operation from the n-th on, as a SIGKILL before it would.
type fuse struct{ left, count int }

func (f *fuse) seam(string) error {
	f.count++
	if f.left == 0 {
		return errKilled
	}
	f.left--
	return nil
}

func TestTheLayoutConvergesWhereverItWasKilled(t *testing.T) {
	want := ""
	points := 0
	for n := 0; ; n++ {
		f := &fuse{left: n}
		c, p := open(t, func(_ *labzfs.Options, o *zfs.Options) { o.Seam = f.seam })
		_, err := c.EnsureLayout(context.Background(), zfs.Layout{Quota: 1 << 29})
		killed := errors.Is(err, errKilled)
		if err != nil && !killed {
			t.Fatal(err)
		}
		f.left = 1 << 30
		if _, err := c.EnsureLayout(context.Background(), zfs.Layout{Quota: 1 << 29}); err != nil {
			t.Fatalf("second run after a kill before operation %d: %v", n+1, err)
		}
		if want == "" {
			want = p.String()
		}
		if got := p.String(); got != want {
			t.Fatalf("killed before operation %d:\n%s\nwant\n%s", n+1, got, want)
		}
		if !killed {
			break
		}
		points++
	}
	if points < 4 {
		t.Fatalf("only %d points", points)
	}
	t.Logf("%d points", points)
}

func TestThePoolIsStillThereAfterTheDaemonWasKilled(t *testing.T) {
	var lo labzfs.Options
	c, before := open(t, func(o *labzfs.Options, _ *zfs.Options) { lo = *o })
	ctx := context.Background()
	if _, err := c.EnsureLayout(ctx, zfs.Layout{}); err != nil {
		t.Fatal(err)
	}
	v := mustVolume(t, c, "a")
	if _, err := c.Create(ctx, zfs.CreateVolumeSpec{Volume: v, Size: 1 << 20, Sparse: true}); err != nil {
		t.Fatal(err)
	}
	s, _ := v.Snapshot("s")
	if _, err := c.Run(ctx, zfs.TakeSnapshot(s)); err != nil {
		t.Fatal(err)
	}
	lo.Dev = filepath.Join(t.TempDir(), "dev") // links are gone, as after a boot
	after, err := labzfs.Open(lo)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if before.String() != after.String() {
		t.Fatalf("before\n%s\nafter\n%s", before, after)
	}
	again, err := zfs.New(zfs.Options{Root: c.Root(), Runner: after, Dev: lo.Dev})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.WaitDevice(ctx, v); err != nil {
		t.Fatal(err)
	}
}

func TestABusyVolumeIsRefusedInZfssWords(t *testing.T) {
	c, _ := open(t, func(o *labzfs.Options, _ *zfs.Options) {
		o.Busy = func(device string) bool { return strings.HasSuffix(device, "/v/a") }
	})
	ctx := context.Background()
	if _, err := c.EnsureLayout(ctx, zfs.Layout{}); err != nil {
		t.Fatal(err)
	}
	v := mustVolume(t, c, "a")
	if _, err := c.Create(ctx, zfs.CreateVolumeSpec{Volume: v, Size: 1 << 20, Sparse: true}); err != nil {
		t.Fatal(err)
	}
	out, err := c.Exec(ctx, zfs.Destroy(v, zfs.DestroyOptions{Recursive: true}))
	if err != nil || out.Code != 1 || string(out.Stderr) != "cannot destroy '"+v.String()+"': dataset is busy\n" {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := c.Run(ctx, zfs.Destroy(v, zfs.DestroyOptions{})); !errors.Is(err, zfs.ErrBusy) {
		t.Fatal(err)
	}
}

func TestADeviceThatComesTooLateIsAnError(t *testing.T) {
	c, _ := open(t, func(l *labzfs.Options, o *zfs.Options) {
		l.LinkDelay, o.DeviceWait = time.Hour, 20*time.Millisecond
	})
	ctx := context.Background()
	if _, err := c.EnsureLayout(ctx, zfs.Layout{}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Create(ctx, zfs.CreateVolumeSpec{Volume: mustVolume(t, c, "a"), Size: 1 << 20, Sparse: true})
	if !errors.Is(err, zfs.ErrNoDevice) {
		t.Fatal(err)
	}
}

func TestThePoolsState(t *testing.T) {
	c, _ := open(t)
	s, err := c.Pool(context.Background())
	if err != nil || !s.Healthy() || s.Size != 1<<30 || s.Free == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// Whatever is asked in whatever order, nothing outside the root is made, changed
// or removed.
func TestNothingBesideTheRootIsEverTouched(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c, p := open(t, func(l *labzfs.Options, _ *zfs.Options) { l.LinkDelay = 0 })
		ctx := context.Background()
		if out := mustRun(t, p, "create", "-p", "-V", "1M", "rpool/data/vm-100-disk-0"); out != "" {
			rt.Fatal(out)
		}
		beside := others(p)
		if _, err := c.EnsureLayout(ctx, zfs.Layout{}); err != nil {
			rt.Fatal(err)
		}
		name := rapid.SampledFrom([]string{"a", "b", "..", "../../data", "a@s", "%", "", "a b", "v"})
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			v, err := c.Root().Volume(fmt.Sprintf("%s/%s", rapid.SampledFrom([]string{"rpool/k8s-csi/v", "rpool/k8s-csi", "rpool", "rpool/data"}).Draw(rt, "parent"), name.Draw(rt, "name")))
			if err != nil {
				continue
			}
			s, _ := v.Snapshot("s")
			for _, cmd := range []zfs.Command{
				zfs.CreateVolume(zfs.CreateVolumeSpec{Volume: v, Size: 1 << 20, Sparse: true}),
				zfs.TakeSnapshot(s), zfs.DestroySnapshots(v), zfs.Destroy(v, zfs.DestroyOptions{Recursive: true}),
			} {
				if rapid.Bool().Draw(rt, "run") {
					_, _ = c.Exec(ctx, cmd) // refused or done, both are fine here
				}
			}
			if now := others(p); now != beside {
				rt.Fatalf("beside the root there was\n%s\nnow\n%s", beside, now)
			}
		}
	})
}

func others(p *labzfs.Pool) string {
	var keep []string
	for line := range strings.Lines(p.String()) {
		if !strings.Contains(line, " rpool/k8s-csi") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}

func mustRun(t testing.TB, p *labzfs.Pool, args ...string) string {
	t.Helper()
	out, err := p.Run(context.Background(), zfs.Process{Args: args})
	if err != nil || out.Code != 0 {
		t.Fatalf("zfs %v: %v %s", args, err, out.Stderr)
	}
	return string(out.Stdout)
}

func mustVolume(t testing.TB, c *zfs.Client, name string) zfs.Volume {
	t.Helper()
	v, err := c.Root().Volume(c.Root().String() + "/v/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The number of processes for one create does not depend on how many volumes
// there are, and one list is one process.
func TestProcessesOfACreateAtTenAndAtAThousand(t *testing.T) {
	f := &fuse{left: 1 << 30}
	c, p := open(t, func(l *labzfs.Options, o *zfs.Options) { l.LinkDelay, o.Seam = 0, f.seam })
	ctx := context.Background()
	if _, err := c.EnsureLayout(ctx, zfs.Layout{}); err != nil {
		t.Fatal(err)
	}
	at := map[int]int{}
	for i, next := 0, 0; i <= 1000; i++ {
		if i == 10 || i == 1000 {
			f.count = 0
			if _, err := c.Create(ctx, zfs.CreateVolumeSpec{Volume: mustVolume(t, c, fmt.Sprintf("probe%d", i)), Size: 1 << 20, Sparse: true}); err != nil {
				t.Fatal(err)
			}
			at[i] = f.count
			f.count = 0
			if _, err := c.List(ctx, c.Root().Dataset(), nil); err != nil {
				t.Fatal(err)
			}
			if f.count != 1 {
				t.Fatalf("a list took %d processes", f.count)
			}
		}
		mustRun(t, p, "create", "-s", "-V", "1M", fmt.Sprintf("rpool/k8s-csi/v/x%d", next))
		next++
	}
	if at[10] != at[1000] || at[10] != 1 {
		t.Fatalf("processes: %v", at)
	}
	t.Logf("processes of a create: %d with 10 volumes, %d with 1000; of a list: 1", at[10], at[1000])
}
