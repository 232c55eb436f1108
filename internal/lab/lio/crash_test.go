package lio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
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

func (f *fuse) option(o *iscsi.Options) { o.Seam = f.seam }

// rich is a target with everything that a target can have.
func (l *lab) rich(t testing.TB, c *iscsi.Client) iscsi.Target {
	r := l.target(t, c, "rich", 0)
	r.LUNs = append(r.LUNs, iscsi.LUN{Number: 1, Backstore: iscsi.Backstore{Device: l.paths[1]}})
	host, err := iscsi.ParseIQN("iqn.2004-10.com.example:host")
	if err != nil {
		t.Fatal(err)
	}
	r.Attributes = nil
	r.ACLs = []iscsi.ACL{{Initiator: host, CHAP: iscsi.CHAP{User: "u", Password: iscsi.NewSecret("one-way-secret"), MutualUser: "m", MutualPassword: iscsi.NewSecret("mutual-secret")}}}
	return r
}

// emptyAdapters are host adapters without a backstore. A repair that gives a
// backstore another name and is killed between the two removals leaves one:
// nothing leads to it any more, and the kernel and targetcli do not mind.
var emptyAdapters = regexp.MustCompile(`(target/core/iblock_[0-9]+/\n)+(target/core/iblock_[0-9]+/\n|target/iscsi)`)

// killEverywhere runs step with a kill before its first operation, its second,
// and so on, lets again finish it each time, and compares the trees.
func killEverywhere(t *testing.T, what string, setup, step, again func(*lab, *iscsi.Client) error) int {
	t.Helper()
	want := ""
	for n := 0; ; n++ {
		f := &fuse{left: 1 << 30}
		l := newLab(t, 3, lio.Options{})
		c := l.client(t, f.option)
		if err := setup(l, c); err != nil {
			t.Fatal(err)
		}
		f.left = n
		err := step(l, c)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		f.left = 1 << 30
		if err := again(l, c); err != nil {
			t.Fatalf("%s killed before operation %d, second run: %v", what, n+1, err)
		}
		got := emptyAdapters.ReplaceAllString(strings.ReplaceAll(l.String(), l.devices, ""), "$2")
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("%s killed before operation %d ends in\n%s\nwant\n%s", what, n+1, got, want)
		}
		if err == nil {
			t.Logf("%s: %d points", what, n)
			return n
		}
	}
}

func TestEveryWorkConvergesWhereverItWasKilled(t *testing.T) {
	ctx := context.Background()
	nothing := func(*lab, *iscsi.Client) error { return nil }
	ensure := func(l *lab, c *iscsi.Client) error { _, err := c.Ensure(ctx, l.rich(t, c)); return err }
	moved := func(l *lab, c *iscsi.Client) error {
		r := l.rich(t, c)
		r.LUNs[0].Backstore.Device = l.paths[2]
		r.LUNs[1].Number = 5
		r.ACLs[0].CHAP.Password = iscsi.NewSecret("changed-secret")
		_, err := c.Ensure(ctx, r)
		return err
	}
	remove := func(l *lab, c *iscsi.Client) error { return c.Delete(ctx, l.rich(t, c).IQN, false) }
	restore := func(l *lab, c *iscsi.Client) error {
		var targets []iscsi.Target
		for i := range 3 {
			targets = append(targets, l.target(t, c, fmt.Sprintf("r%d", i), i))
		}
		done, err := c.Restore(ctx, targets, nil)
		for _, d := range done {
			err = errors.Join(err, d.Err)
		}
		return err
	}
	points := killEverywhere(t, "create", nothing, ensure, ensure)
	points += killEverywhere(t, "repair", ensure, moved, moved)
	points += killEverywhere(t, "delete", ensure, remove, remove)
	points += killEverywhere(t, "create, then delete", nothing, ensure, remove)
	points += killEverywhere(t, "delete, then create", ensure, remove, ensure)
	restored := restorePoints(t, restore)
	t.Logf("%d points in all", points+restored)
	if points < 80 || restored < 30 {
		t.Fatalf("only %d and %d points", points, restored)
	}
}

// restorePoints is killEverywhere for Restore, whose operations run at the same
// time: a kill is before the n-th of them, whichever that is.
func restorePoints(t *testing.T, restore func(*lab, *iscsi.Client) error) int {
	t.Helper()
	want := ""
	for n := int64(0); ; n++ {
		f := &sharedFuse{}
		f.left.Store(1 << 30)
		l := newLab(t, 3, lio.Options{})
		c := l.client(t, func(o *iscsi.Options) { o.Seam = f.seam })
		f.left.Store(n)
		err := restore(l, c)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		f.left.Store(1 << 30)
		if err := restore(l, c); err != nil {
			t.Fatalf("restore killed before operation %d, second run: %v", n+1, err)
		}
		got := strings.ReplaceAll(l.String(), l.devices, "")
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("restore killed before operation %d ends in\n%s\nwant\n%s", n+1, got, want)
		}
		if err == nil {
			t.Logf("restore: %d points", n)
			return int(n)
		}
	}
}

// Random works, some of them killed at a random point: one more Ensure or Delete
// each brings the tree to where it would be without any kill.
func TestRandomWorksWithKillsEndInTheWantedState(t *testing.T) {
	ctx := context.Background()
	kills := 0
	rapid.Check(t, func(rt *rapid.T) {
		f := &fuse{left: 1 << 30}
		l := newLab(t, 3, lio.Options{})
		c := l.client(t, f.option)
		foreign := "/sys/kernel/config/target/iscsi/iqn.2003-01.org.example:foreign"
		if err := l.Mkdir(foreign); err != nil {
			rt.Fatal(err)
		}
		want := map[string]int{} // asset → device
		for range rapid.IntRange(1, 10).Draw(rt, "works") {
			asset := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "asset")
			device := int(asset[0] - 'a')
			target := l.target(t, c, asset, device)
			f.left = rapid.OneOf(rapid.Just(1<<30), rapid.IntRange(0, 25)).Draw(rt, "killed before")
			if rapid.Bool().Draw(rt, "delete") {
				if err := c.Delete(ctx, target.IQN, false); errors.Is(err, errKilled) {
					kills++
				} else if err != nil {
					rt.Fatal(err)
				}
				want[asset] = -1
				continue
			}
			if _, err := c.Ensure(ctx, target); errors.Is(err, errKilled) {
				kills++
			} else if err != nil {
				rt.Fatal(err)
			}
			want[asset] = device
		}
		f.left = 1 << 30
		clean := newLab(t, 3, lio.Options{})
		cc := clean.client(t)
		if err := clean.Mkdir(foreign); err != nil {
			rt.Fatal(err)
		}
		for asset, device := range want {
			target := l.target(t, c, asset, max(device, 0))
			var err error
			if device < 0 {
				err = c.Delete(ctx, target.IQN, false)
			} else if _, err = c.Ensure(ctx, target); err == nil {
				_, err = cc.Ensure(ctx, clean.target(t, cc, asset, device))
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		got, ideal := strings.ReplaceAll(l.String(), l.devices, ""), strings.ReplaceAll(clean.String(), clean.devices, "")
		if got != ideal {
			rt.Fatalf("ends in\n%s\nwant\n%s", got, ideal)
		}
	})
	t.Logf("%d kills", kills)
	if kills == 0 {
		t.Fatal("nothing was killed")
	}
}
