package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// stock makes a target as targetcli does for a stock democratic-csi: on all
// addresses.
func stock(t testing.TB, h *host, asset, device string) {
	t.Helper()
	dir := "/sys/kernel/config/target/iscsi/" + base + ":" + asset
	store := "/sys/kernel/config/target/core/iblock_7" + asset[len(asset)-1:]
	for _, path := range []string{dir, dir + "/tpgt_1", store, store + "/" + asset} {
		must(t, h.tree.Mkdir(path))
	}
	write := func(path, text string) { must(t, h.tree.WriteFile(path, text)) }
	write(store+"/"+asset+"/control", "udev_path="+device)
	write(store+"/"+asset+"/udev_path", device)
	write(store+"/"+asset+"/wwn/vpd_unit_serial", "0f0e0d0c-0b0a-0908-0706-050403020100")
	write(store+"/"+asset+"/enable", "1")
	must(t, h.tree.Mkdir(dir+"/tpgt_1/lun/lun_0"))
	must(t, h.tree.Symlink(store+"/"+asset, dir+"/tpgt_1/lun/lun_0/x"))
	must(t, h.tree.Mkdir(dir+"/tpgt_1/np/0.0.0.0:3260"))
	for name, value := range map[string]string{"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"} {
		write(dir+"/tpgt_1/attrib/"+name, value)
	}
	write(dir+"/tpgt_1/enable", "1")
}

// olderHost is one on which a stock democratic-csi worked, volumes right below
// the root dataset, with a node logged in to one of them.
func olderHost(t *testing.T) (*host, *Backend) {
	h := newHost(t)
	b := h.ready()
	for _, name := range []string{"pvc-1", "pvc-2"} {
		h.zvol(b, root+"/"+name, nameProperty+"="+name, managedProperty+"=true", completeProperty+"=true", assetProperty+"="+name)
		stock(t, h, name, filepath.Join(h.at("dev"), "zvol", root, name))
	}
	must(t, h.tree.Login(base+":pvc-1", "0.0.0.0:3260", node, nodeAddress, lio.Credentials{}))
	return h, b
}

func (h *host) write(path, text string) {
	h.t.Helper()
	must(h.t, os.MkdirAll(filepath.Dir(h.at("root"+path)), 0o755))
	must(h.t, os.WriteFile(h.at("root"+path), []byte(text), 0o644))
}

const wants = "/etc/systemd/system/multi-user.target.wants/rtslib-fb-targetctl.service"

func (h *host) restoreUnit() {
	h.t.Helper()
	must(h.t, os.MkdirAll(filepath.Dir(h.at("root"+wants)), 0o755))
	must(h.t, os.Symlink("/lib/systemd/system/rtslib-fb-targetctl.service", h.at("root"+wants)))
}

func (h *host) restoreUnitIsOn() bool {
	_, err := os.Lstat(h.at("root" + wants))
	return err == nil
}

func saved(h *host, more string) string {
	return `{"fabric_modules": [], "storage_objects": [{"dev": "` + filepath.Join(h.at("dev"), "zvol", root, "pvc-1") + `", "name": "pvc-1", "plugin": "block"}` + more + `],
"targets": [{"fabric": "iscsi", "wwn": "` + base + `:pvc-1", "tpgs": []}]}`
}

func TestAnOlderHostIsTakenOverWithItsSessionsUntouched(t *testing.T) {
	ctx := context.Background()
	h, b := olderHost(t)
	h.restoreUnit()
	h.write("/etc/rtslib-fb-target/saveconfig.json", saved(h, ""))
	before := h.state()
	list, err := b.Adoption(ctx)
	must(t, err)
	if len(list.Volumes) != 2 || list.Volumes[0].Name != "pvc-1" || len(list.Volumes[0].Sessions) != 1 || list.Volumes[0].Problem != "" || !list.Restore.Enabled || len(list.Restore.Foreign) != 0 {
		t.Fatalf("%+v", list)
	}
	if h.state() != before || !h.restoreUnitIsOn() {
		t.Error("looking changed something")
	}
	done, err := b.Adopt(ctx)
	must(t, err)
	for _, v := range done.Volumes {
		if v.Err != nil {
			t.Errorf("%s: %v", v.Object, v.Err)
		}
	}
	if done.Restore.Enabled || h.restoreUnitIsOn() || len(done.Warnings) != 0 {
		t.Errorf("targetcli's restore: %+v, %v", done.Restore, done.Warnings)
	}
	v, err := b.Volume(ctx, "pvc-1")
	must(t, err)
	if v.State != Ready || !v.Legacy || len(v.Target.Sessions) != 1 || !slices.Equal(v.Target.Portals, []string{"10.10.0.1:3260"}) {
		t.Errorf("%+v %+v", v, v.Target)
	}
	if serial, err := h.tree.ReadFile("/sys/kernel/config/target/core/iblock_71/pvc-1/wwn/vpd_unit_serial"); err != nil || !strings.Contains(serial, "0f0e0d0c") {
		t.Errorf("the disk's serial is %q, %v: an initiator would take it for another disk", serial, err)
	}
	if list, err = b.Adoption(ctx); err != nil || len(list.Volumes) != 0 {
		t.Errorf("still to adopt: %+v %v", list, err)
	}
	nothingLeft(t, b)
	// After a boot they come back like all others.
	h.boot()
	b = h.bare()
	must(t, b.iscsi.Prepare(ctx))
	repaired(t, b)
	if v, err = b.Volume(ctx, "pvc-2"); err != nil || v.State != Ready {
		t.Errorf("after a boot: %+v %v", v, err)
	}
}

func TestAnAdoptionThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	ctx := context.Background()
	h, b := olderHost(t)
	_, err := b.Adopt(ctx)
	must(t, err)
	want := h.state()
	points := 0
	for ; ; points++ {
		h, _ := olderHost(t)
		f := &fuse{left: points}
		h.seam = f.seam
		_, _ = h.bare().Adopt(ctx) // what failed is in its answer
		h.seam = nil
		b := h.bare()
		_, err := b.Repair(ctx) // which cannot finish one volume before the other is taken over
		must(t, err)
		_, err = b.Adopt(ctx)
		must(t, err)
		if got := h.state(); got != want {
			t.Fatalf("killed before operation %d (%s):\n%s\nwant\n%s", points+1, f.last, got, want)
		}
		if v, err := b.Volume(ctx, "pvc-1"); err != nil || len(v.Target.Sessions) != 1 {
			t.Fatalf("killed before operation %d: the session is gone: %v", points+1, err)
		}
		if !f.killed {
			break
		}
	}
	t.Logf("%d points", points)
	if points < 8 {
		t.Errorf("only %d points", points)
	}
}

func TestTargetclisRestoreStaysOnWhenItHasSomethingOfSomebodyElses(t *testing.T) {
	for _, row := range []struct{ name, file, names string }{
		{"a backstore on another disk", `, {"dev": "/dev/sdb", "name": "backup", "plugin": "block"}`, "backup"},
		{"a file backstore", `, {"dev": "/srv/disk.img", "name": "image", "plugin": "fileio"}`, "image"},
		{"the disk of a VM", `, {"dev": "/dev/zvol/rpool/data/vm-100-disk-0", "name": "vm", "plugin": "block"}`, "vm-100-disk-0"},
		{"a path that climbs out", `, {"dev": "/dev/zvol/` + root + `/../../data/x", "name": "climb", "plugin": "block"}`, "climb"},
		{"a target of another name", `], "x": [`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, b := olderHost(t)
			h.restoreUnit()
			text := saved(h, row.file)
			if row.names == "" {
				text, row.names = strings.Replace(saved(h, ""), `"wwn": "`+base, `"wwn": "iqn.2003-01.org.linux-iscsi.pve`, 1), "linux-iscsi"
			}
			h.write("/etc/rtslib-fb-target/saveconfig.json", text)
			done, err := b.Adopt(context.Background())
			must(t, err)
			if !h.restoreUnitIsOn() || len(done.Warnings) != 1 || !strings.Contains(done.Warnings[0], row.names) {
				t.Errorf("on: %v, warnings %q", h.restoreUnitIsOn(), done.Warnings)
			}
		})
	}
	t.Run("a file that is damaged", func(t *testing.T) {
		h, b := olderHost(t)
		h.restoreUnit()
		h.write("/etc/target/saveconfig.json", `{"targets": [`)
		done, err := b.Adopt(context.Background())
		must(t, err)
		if !h.restoreUnitIsOn() || len(done.Warnings) != 1 {
			t.Errorf("on: %v, warnings %q", h.restoreUnitIsOn(), done.Warnings)
		}
	})
}

func TestAnAdoptionThatCouldNotEndWellChangesNothing(t *testing.T) {
	ctx := context.Background()
	for _, row := range []struct {
		name  string
		names []string
		wreck func(h *host)
	}{
		{"one of two volumes, the other on all addresses", []string{"pvc-2"}, func(*host) {}},
		{"a target of somebody else's on all addresses", nil, func(h *host) {
			for _, dir := range []string{"", "/tpgt_1", "/tpgt_1/np/0.0.0.0:3260"} {
				must(t, h.tree.Mkdir("/sys/kernel/config/target/iscsi/iqn.2001-01.org.example:other"+dir))
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, b := olderHost(t)
			row.wreck(h)
			before := h.state()
			_, err := b.Adopt(ctx, row.names...)
			if p := refused(t, err, problem.Conflict); len(p.Others) != 1 {
				t.Errorf("%+v", p)
			}
			if got := h.state(); got != before {
				t.Errorf("changed:\n%s\nwas\n%s", got, before)
			}
		})
	}
}

func TestAnOlderVolumeIsMovedToWhereTheDriverLooksOnceNobodyIsLoggedIn(t *testing.T) {
	ctx := context.Background()
	h, b := olderHost(t)
	_, err := b.Adopt(ctx)
	must(t, err)
	_, err = b.Move(ctx, "pvc-1")
	if p := refused(t, err, problem.InUse); !errors.Is(p, iscsi.ErrInUse) {
		t.Errorf("%v", err)
	}
	h.tree.Logout(base+":pvc-1", node)
	v, err := b.Move(ctx, "pvc-1")
	must(t, err)
	if v.Dataset != root+"/v/pvc-1" || v.State != Ready || v.Target.IQN != base+":pvc-1" {
		t.Errorf("%+v", v)
	}
	must(t, h.driver(b).DeleteVolume("pvc-1"))
	if _, err := b.Volume(ctx, "pvc-1"); !problem.Is(err, problem.NotFound) {
		t.Errorf("the driver's delete left it: %v", err)
	}
	nothingLeft(t, b)
}

func TestWhatCannotBeMovedStaysAsItIs(t *testing.T) {
	ctx := context.Background()
	for _, row := range []struct {
		name, volume string
		make         func(t *testing.T, h *host, b *Backend)
		hint         string
	}{
		{"one that was never taken over", "pvc-1", func(*testing.T, *host, *Backend) {}, "waddle storage adopt"},
		{"one whose target has another name", "old", func(_ *testing.T, h *host, b *Backend) {
			h.zvol(b, root+"/old", exportProperty+"=on", assetProperty+"=other")
		}, "stays usable"},
		{"one whose target's name another one has", root + "/more/pvc-9", func(t *testing.T, h *host, b *Backend) {
			h.zvol(b, root+"/more/pvc-9", exportProperty+"=on", assetProperty+"=pvc-9")
			h.zvol(b, root+"/v/pvc-9", exportProperty+"=on")
		}, "delete one of the two"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h, b := olderHost(t)
			h.tree.Logout(base+":pvc-1", node)
			row.make(t, h, b)
			before := h.state()
			_, err := b.Move(ctx, row.volume)
			if p := refused(t, err, problem.Conflict); !strings.Contains(p.Hint, row.hint) {
				t.Errorf("the hint is %q", p.Hint)
			}
			if got := h.state(); got != before {
				t.Errorf("changed:\n%s\nwas\n%s", got, before)
			}
		})
	}
}

func TestAPrivateVolumeStaysPrivateWhereItIsMoved(t *testing.T) {
	ctx := context.Background()
	h := newHost(t)
	b := h.ready()
	h.zvol(b, root+"/data", exportProperty+"=off")
	for range 2 { // and one that is in its place stays there
		v, err := b.Move(ctx, "data")
		must(t, err)
		if v.Dataset != root+"/v/data" || v.State != Private || v.Target != nil {
			t.Errorf("%+v", v)
		}
	}
	nothingLeft(t, b)
}

// TestAVolumeThatNodesLookForElsewhereIsNotTakenOver: its PersistentVolume names
// target and portal for good, and the take-over would leave neither.
func TestAVolumeThatNodesLookForElsewhereIsNotTakenOver(t *testing.T) {
	context := func(portal, portals, iqn string) string {
		return contextProperty + `={"node_attach_driver":"iscsi","portal":"` + portal + `","portals":"` + portals + `","interface":"","iqn":"` + iqn + `","lun":0}`
	}
	for _, row := range []struct{ name, property, problem string }{
		{"another portal", context("192.0.2.7:3260", "", base+":pvc-1"), "names portal 192.0.2.7:3260"},
		{"another target", context("10.10.0.1:3260", "", "iqn.2019-01.com.example:pvc-1"), "names target iqn.2019-01.com.example:pvc-1"},
		{"ours", context("10.10.0.1:3260", "", base+":pvc-1"), ""},
		{"ours without its port", context("10.10.0.1", "", base+":pvc-1"), ""},
		{"ours among several", context("192.0.2.7:3260", "192.0.2.8:3260, 10.10.0.1:3260", base+":pvc-1"), ""},
		{"a portal with a name", context("storage.example:3260", "", base+":pvc-1"), ""},
		{"no context at all", nameProperty + "=pvc-1", ""},
		{"rubbish", contextProperty + "={{{", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			b := h.ready()
			h.zvol(b, root+"/pvc-1", append(slices.Clone(driverMade), row.property)...)
			before := h.state()
			done, err := b.Adopt(t.Context())
			must(t, err)
			if row.problem == "" {
				if done.Volumes[0].Err != nil {
					t.Fatalf("%+v", done.Volumes)
				}
				nothingLeft(t, b)
				return
			}
			if err := done.Volumes[0].Err; err == nil || !strings.Contains(err.Error(), row.problem) || !strings.Contains(err.Error(), "zfs inherit") {
				t.Errorf("%+v", done.Volumes)
			}
			if h.state() != before {
				t.Errorf("changed:\n%s\nwas\n%s", h.state(), before)
			}
		})
	}
}
