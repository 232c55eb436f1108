package storage

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

func kinds(t *testing.T, b *Backend) []OrphanKind {
	t.Helper()
	all, err := b.Orphans(context.Background())
	must(t, err)
	var found []OrphanKind
	for _, o := range all {
		found = append(found, o.Kind)
		if o.Object == "" || o.Detail == "" || !o.Repair && o.Advice == "" {
			t.Errorf("an orphan without words or way out: %+v", o)
		}
	}
	return found
}

// hand changes the kernel's targets as somebody with targetcli would.
func hand(t *testing.T, h *host, name string) *iscsi.Client {
	t.Helper()
	n, err := iscsi.ParseBase(name)
	must(t, err)
	c, err := iscsi.New(iscsi.Options{Base: n, FS: h.tree, Host: h.tree, Devices: filepath.Join(h.at("dev"), "zvol", root)})
	must(t, err)
	return c
}

func TestWhatDoesNotBelongTogetherIsFoundAndRepaired(t *testing.T) {
	ctx := context.Background()
	target := func(b *Backend, asset, device string) iscsi.Target {
		x, err := b.policy.TargetOf(b.iscsi.Base(), asset, device)
		must(t, err)
		return x
	}
	for _, row := range []struct {
		name  string
		wreck func(h *host, b *Backend)
		want  []OrphanKind
	}{
		{"a target that somebody deleted by hand", func(h *host, b *Backend) {
			must(t, hand(t, h, base).Delete(ctx, target(b, "pvc-1", "").IQN, false))
		}, []OrphanKind{VolumeWithoutTarget}},
		{"a target that somebody disabled", func(h *host, b *Backend) {
			must(t, h.tree.WriteFile("/sys/kernel/config/target/iscsi/"+base+":pvc-1/tpgt_1/enable", "0"))
		}, []OrphanKind{VolumeWithoutTarget}},
		{"a target that lets everybody write without what was asked for", func(h *host, b *Backend) {
			must(t, h.tree.WriteFile("/sys/kernel/config/target/iscsi/"+base+":pvc-1/tpgt_1/attrib/demo_mode_write_protect", "1"))
		}, []OrphanKind{VolumeWithoutTarget}},
		{"a target whose volume is gone", func(h *host, b *Backend) {
			h.zvol(b, root+"/v/gone")
			v, err := b.zfs.Root().Volume(root + "/v/gone")
			must(t, err)
			_, err = b.iscsi.Ensure(ctx, target(b, "gone", b.zfs.Device(v)))
			must(t, err)
			must(t, b.iscsi.Delete(ctx, target(b, "gone", "").IQN, false))
			must(t, b.Delete(ctx, DeleteRequest{Name: "gone"}))
			must(t, h.tree.Mkdir("/sys/kernel/config/target/iscsi/"+base+":gone"))
		}, []OrphanKind{TargetWithoutVolume}},
		{"everything at once, as after a boot", func(h *host, _ *Backend) {
			h.boot()
			_, err := hand(t, h, base).List(ctx)
			if err == nil {
				t.Fatal("the kernel has targets after a boot")
			}
			must(t, hand(t, h, base).Prepare(ctx))
		}, []OrphanKind{VolumeWithoutTarget, VolumeWithoutTarget}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			b := h.ready()
			must(t, h.driver(b).CreateVolume("pvc-1", size))
			_, err := b.Create(ctx, CreateRequest{Name: "data", Size: size})
			must(t, err)
			want := h.state()
			row.wreck(h, b)
			b = h.bare()
			if got := kinds(t, b); !slices.Equal(got, row.want) {
				t.Fatalf("found %v, want %v", got, row.want)
			}
			wrecked := h.state()
			if kinds(t, b); h.state() != wrecked {
				t.Fatal("looking changed something")
			}
			if done := repaired(t, b); len(done) == 0 {
				t.Error("repair said nothing")
			}
			nothingLeft(t, b)
			if got := h.state(); got != want {
				t.Errorf("after the repair:\n%s\nwant\n%s", got, want)
			}
			if done := repaired(t, b); len(done) != 0 {
				t.Errorf("a second repair did %+v", done)
			}
		})
	}
}

func TestAVolumeThatIsBeingDeletedIsNotExportedAgain(t *testing.T) {
	h := newHost(t)
	b := h.ready()
	d := h.driver(b)
	must(t, d.CreateVolume("pvc-1", size))
	if r, err := (wire{b}).Exec(d.DeleteTarget("pvc-1"), true); err != nil || r.Code != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if done := repaired(t, b); len(done) != 0 {
		t.Errorf("the reconciler did %+v", done)
	}
	must(t, d.DeleteVolume("pvc-1"))
	nothingLeft(t, b)
}

func TestAVolumeThatNobodyFinishedIsReportedAndOneBeingMadeIsNot(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	h.zvol(b, root+"/v/pvc-1", managedProperty+"=true", nameProperty+"=pvc-1")
	if got := kinds(t, b); !slices.Equal(got, []OrphanKind{IncompleteVolume, VolumeWithoutTarget}) {
		t.Errorf("found %v", got)
	}
	repaired(t, b)
	v, err := b.Volume(ctx, "pvc-1")
	must(t, err)
	if v.State != Incomplete || v.Target == nil || !v.Target.Enabled {
		t.Errorf("%+v", v)
	}
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	if v, err = b.Volume(ctx, "pvc-1"); err != nil || v.State != Ready {
		t.Errorf("%+v %v", v, err)
	}
	h.zvol(b, root+"/v/pvc-2", managedProperty+"=true")
	b.youth = youthful
	if got := kinds(t, b); len(got) != 0 {
		t.Errorf("a volume that is being made is %v", got)
	}
}

func TestNothingOfSomebodyElsesIsTouched(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	// A private volume that its operator exports under a name of their own, an older
	// host's volume, and a target of ours on a device that is none of ours.
	_, err := b.Create(ctx, CreateRequest{Name: "mine", Size: size, Private: true})
	must(t, err)
	h.zvol(b, root+"/old", driverMade...)
	export := func(name, asset, device string) {
		c := hand(t, h, name)
		i, err := c.Base().Target(asset)
		must(t, err)
		x, err := b.policy.TargetOf(c.Base(), asset, device)
		must(t, err)
		x.IQN = i
		_, err = c.Ensure(ctx, x)
		must(t, err)
	}
	v, err := b.Volume(ctx, "mine")
	must(t, err)
	export("iqn.2001-01.org.example:other", "mine", v.Device)
	if v.State != Private {
		t.Errorf("a volume without a target is %s", v.State)
	}
	old, err := b.Volume(ctx, "old")
	must(t, err)
	export(base, "old", old.Device)
	before := h.state()
	found := kinds(t, b)
	if !slices.Equal(found, []OrphanKind{OlderVolume}) {
		t.Errorf("found %v", found)
	}
	if done := repaired(t, b); len(done) != 0 {
		t.Errorf("repair did %+v", done)
	}
	if got := h.state(); got != before {
		t.Errorf("changed:\n%s\nwas\n%s", got, before)
	}
}

func TestOfTwoVolumesOfOneTargetNameTheExportedOneKeepsIt(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	h.zvol(b, root+"/pvc-1", append(driverMade, exportProperty+"=on")...)
	before := h.tree.String()
	if got := kinds(t, b); !slices.Equal(got, []OrphanKind{ClashingVolume}) {
		t.Errorf("found %v", got)
	}
	if repaired(t, b); h.tree.String() != before {
		t.Errorf("repair changed\n%s\nto\n%s", before, h.tree)
	}
	v, err := b.Volume(ctx, root+"/pvc-1")
	must(t, err)
	if v.State != Clashing || v.Target != nil || !strings.Contains(v.Faults[0], root+"/v/pvc-1") {
		t.Errorf("%+v", v)
	}
	if v, err = b.Volume(ctx, "pvc-1"); err != nil || v.Dataset != root+"/v/pvc-1" || v.State != Ready {
		t.Errorf("%+v %v", v, err)
	}
}

// TestAVolumeInUseDoesNotLoseItsNameToOneThatIsMadeBesideIt: after a boot there is
// no target that would tell which of several had it.
func TestAVolumeInUseDoesNotLoseItsNameToOneThatIsMadeBesideIt(t *testing.T) {
	for name, made := range map[string]string{
		"one that differs in capitals, as whoever has the endpoint's key can make": root + "/v/PVC-1",
		"a copy with all properties below it, as a backup makes":                   root + "/v/backup/pvc-1",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, h := context.Background(), newHost(t)
			b := h.ready()
			must(t, h.driver(b).CreateVolume("pvc-1", size))
			v, err := b.Volume(ctx, "pvc-1")
			must(t, err)
			for time.Now().Unix() <= v.Created.Unix() { // zfs counts in seconds
				time.Sleep(10 * time.Millisecond)
			}
			h.zvol(b, made, driverMade...)
			h.boot()
			must(t, b.iscsi.Prepare(ctx))
			b = h.bare()
			must(t, b.iscsi.Prepare(ctx))
			repaired(t, b)
			if v, err := b.Volume(ctx, root+"/v/pvc-1"); err != nil || v.State != Ready {
				t.Fatalf("%+v %v", v, err)
			}
			if v, err := b.Volume(ctx, made); err != nil || v.Target != nil || v.State == Ready {
				t.Errorf("the other: %+v %v", v, err)
			}
		})
	}
}

// TestRubbishInOneVolumesPropertiesHidesNoOther: zfs takes and prints any text.
func TestRubbishInOneVolumesPropertiesHidesNoOther(t *testing.T) {
	for name, value := range map[string]string{
		"a tab":                        "a\tb",
		"a newline":                    "a\nb",
		"both":                         "a\tb\nc\td\n\n",
		"what looks like a line":       "a\tb\n" + root + "/v/pvc-1\twaddle:export\toff\tlocal",
		"a source":                     "a\tlocal\tb",
		"an escape of a terminal":      "\x1b[2J",
		"no text in any encoding":      "\xff\xfe",
		"as much as zfs takes, nearly": strings.Repeat("x", 8000),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, h := context.Background(), newHost(t)
			b := h.ready()
			for _, id := range []string{"pvc-0", "pvc-1", "pvc-2"} {
				must(t, h.driver(b).CreateVolume(id, size))
			}
			before := h.tree.String()
			for _, property := range properties {
				if property != managedProperty && property != completeProperty { // without those it is none of ours
					h.set(property, value, root+"/v/pvc-1")
				}
			}
			h.boot()
			b = h.bare()
			must(t, b.iscsi.Prepare(ctx))
			repaired(t, b)
			if h.tree.String() != before {
				t.Errorf("after a boot:\n%s\nwas\n%s", h.tree, before)
			}
			all, err := b.Volumes(ctx)
			must(t, err)
			for _, v := range all {
				if v.State != Ready || strings.ContainsFunc(v.Claim.Volume+v.Claim.Instance+v.Claim.SourceID, func(r rune) bool { return r < ' ' }) {
					t.Errorf("%+v of %+v", v.Claim, v)
				}
			}
			if len(all) != 3 {
				t.Errorf("%d volumes", len(all))
			}
			if _, err := b.Adoption(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
