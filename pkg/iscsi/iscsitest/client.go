package iscsitest

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

// mustIQN parses a name that is right.
func (e *Env) mustIQN(s string) iscsi.IQN {
	e.Helper()
	i, err := iscsi.ParseIQN(s)
	e.ok(err)
	return i
}

var ensureRows = []Row{
	{"a target is made whole, and made again changes nothing", func(e *Env) {
		t := e.target("a", 0)
		t.LUNs[0].Backstore.Attributes = map[string]string{"emulate_3pc": "0"}
		first := e.ensured(t)
		if len(first) == 0 {
			e.Fatal("nothing was made")
		}
		if again := e.ensured(t); len(again) != 0 {
			e.Fatalf("changed again: %v", again)
		}
		e.reads(e.tpg("a", "enable"), "1\n")
		s, err := e.C.Show(e.Ctx, t.IQN)
		e.ok(err)
		if !s.Enabled || !slices.Equal(s.Portals, []string{Portal}) || len(s.LUNs) != 1 || s.LUNs[0].Backstore != "a" || s.LUNs[0].Device != e.Paths[0] {
			e.Fatalf("%+v", s)
		}
	}},
	{"who listens on all addresses of a port is told", func(e *Env) {
		t := e.target("a", 0)
		e.ensured(t)
		in := func() []string {
			found, err := e.C.Listeners(e.Ctx, t.Portals[0])
			e.ok(err)
			return found
		}
		if got := in(); len(got) != 0 {
			e.Fatalf("%v", got)
		}
		e.ok(e.FS.Rmdir(e.tpg("a", "np", Portal)))
		e.ok(e.FS.Mkdir(e.tpg("a", "np", "0.0.0.0:3261")))
		if got := in(); !slices.Equal(got, []string{t.IQN.String()}) {
			e.Fatalf("%v", got)
		}
	}},
	{"the fabric is taken back when it has no target, and only then", func(e *Env) {
		t := e.target("a", 0)
		e.ensured(t)
		e.ok(e.C.Retire(e.Ctx))
		if _, err := e.C.Show(e.Ctx, t.IQN); err != nil {
			e.Fatalf("the target is gone with it: %v", err)
		}
		e.ok(e.C.Delete(e.Ctx, t.IQN, false))
		e.ok(e.C.Retire(e.Ctx))
		if _, err := e.C.List(e.Ctx); !errors.Is(err, iscsi.ErrNotReady) {
			e.Fatalf("got %v, want that the target is not ready", err)
		}
		e.ok(e.C.Retire(e.Ctx))
		e.ok(e.C.Prepare(e.Ctx))
		e.ensured(t)
	}},
	{"what would be made is told, and not made", func(e *Env) {
		t := e.target("a", 0)
		would, err := e.C.Look(e.Ctx, t)
		e.ok(err)
		did, err := e.C.Ensure(e.Ctx, t)
		e.ok(err)
		if fmt.Sprint(would) != fmt.Sprint(did) {
			e.Fatalf("told\n%v\ndid\n%v", would, did)
		}
	}},
	{"a target with ACLs, one-way and mutual CHAP and two LUNs", func(e *Env) {
		t := e.target("a", 0)
		t.LUNs = append(t.LUNs, iscsi.LUN{Number: 3, Backstore: iscsi.Backstore{Device: e.Paths[1]}})
		t.Attributes = nil
		t.ACLs = []iscsi.ACL{
			{Initiator: e.mustIQN("iqn.2004-10.com.example:one"), CHAP: iscsi.CHAP{User: "u", Password: iscsi.NewSecret("secret-one-way")}},
			{Initiator: e.mustIQN("iqn.2004-10.com.example:two"), CHAP: iscsi.CHAP{User: "u", Password: iscsi.NewSecret("secret-in"), MutualUser: "m", MutualPassword: iscsi.NewSecret("secret-out")}},
		}
		e.ensured(t)
		e.reads(e.tpg("a", "attrib", "authentication"), "1\n")
		two := e.tpg("a", "acls", "iqn.2004-10.com.example:two")
		e.reads(path.Join(two, "auth", "password_mutual"), "secret-out\n")
		for _, lun := range []string{"lun_0", "lun_3"} {
			if n := len(e.links(path.Join(two, lun))); n != 1 {
				e.Fatalf("%s has %d links", lun, n)
			}
		}
		t.ACLs = t.ACLs[:1]
		e.ensured(t)
		e.gone(two)
	}},
	{"CHAP for whoever has no ACL is set, changed and taken away", func(e *Env) {
		t := e.target("a", 0)
		t.CHAP = iscsi.CHAP{User: "u", Password: iscsi.NewSecret("secret-1")}
		changes := e.ensured(t)
		if strings.Contains(fmt.Sprint(changes), "secret-1") {
			e.Fatalf("the secret is in %v", changes)
		}
		e.reads(e.tpg("a", "auth", "password"), "secret-1\n")
		t.CHAP.Password = iscsi.NewSecret("secret-2")
		e.ensured(t)
		e.reads(e.tpg("a", "auth", "password"), "secret-2\n")
		t.CHAP = iscsi.CHAP{}
		e.ensured(t)
		e.reads(e.tpg("a", "attrib", "authentication"), "0\n")
		e.reads(e.tpg("a", "auth", "userid"), "NULL\n")
	}},
	{"a device that is not there is an error that names it, and leaves no target that could be seen", func(e *Env) {
		t := e.target("a", 0)
		t.LUNs[0].Backstore.Device = e.Devices + "/does-not-exist"
		_, err := e.C.Ensure(e.Ctx, t)
		e.refused(err, syscall.ENOENT)
		if !strings.Contains(err.Error(), "cannot enable backstore a: configfs ") || !strings.Contains(err.Error(), "has udev made its link") {
			e.Fatalf("got %v", err)
		}
		e.reads(e.tpg("a", "enable"), "0\n")
		t.LUNs[0].Backstore.Device = e.Paths[0]
		e.ensured(t)
	}},
	{"a device that another target exports is an error that names the other backstore", func(e *Env) {
		e.byHand("somebody", 0)
		_, err := e.C.Ensure(e.Ctx, e.target("a", 0))
		if !errors.Is(err, iscsi.ErrClaimed) || !strings.Contains(err.Error(), "it is backstore somebody in iblock_900000") {
			e.Fatalf("got %v", err)
		}
	}},
	{"a device that a forgotten backstore holds is taken from it", func(e *Env) {
		forgotten := e.store("forgotten", 0)
		e.ensured(e.target("a", 0))
		e.gone(forgotten)
	}},
	{"a forgotten backstore of the right name and device is used where it is", func(e *Env) {
		old := e.store("a", 0)
		t := e.target("a", 0)
		e.ensured(t)
		if dir := e.backstore(t); dir != old {
			e.Fatalf("the LUN leads to %s, want %s", dir, old)
		}
	}},
	{"many are restored at once, and one that fails does not keep the others", func(e *Env) {
		targets := []iscsi.Target{e.target("a", 0), e.target("b", 1), e.target("c", 2)}
		targets[1].LUNs[0].Backstore.Device = e.Devices + "/does-not-exist"
		done, err := e.C.Restore(e.Ctx, targets, nil)
		e.ok(err)
		for i, want := range []bool{true, false, true} {
			if (done[i].Err == nil) != want || done[i].IQN != targets[i].IQN {
				e.Fatalf("%d: %+v", i, done[i])
			}
		}
		l, err := e.C.List(e.Ctx)
		e.ok(err)
		for i, want := range []bool{true, false, true} {
			if l.Targets[i].Enabled != want {
				e.Fatalf("%+v", l.Targets[i])
			}
		}
	}},
	{"targets of an older host are taken over, their portal on all addresses replaced", func(e *Env) {
		for i, asset := range []string{"a", "b"} {
			e.byHand(asset, i)
			e.ok(e.FS.WriteFile(path.Join(e.at("core", fmt.Sprintf("iblock_%d", 900000+i)), asset, "attrib", "emulate_3pc"), "0"))
			e.ok(e.FS.Mkdir(e.tpg(asset, "np", "0.0.0.0:3261")))
			e.ok(e.FS.WriteFile(e.tpg(asset, "enable"), "1"))
		}
		// A serial that targetcli would have given.
		for i, asset := range []string{"a", "b"} {
			e.ok(e.FS.Remove(e.tpg(asset, "lun", "lun_0", "x")))
			dir := path.Join(e.at("core", fmt.Sprintf("iblock_%d", 900000+i)), asset)
			e.ok(e.FS.WriteFile(path.Join(dir, "wwn", "vpd_unit_serial"), "from-targetcli"))
			e.ok(e.FS.Symlink(dir, e.tpg(asset, "lun", "lun_0", "x")))
		}
		done, err := e.C.Restore(e.Ctx, []iscsi.Target{e.target("a", 0), e.target("b", 1)}, nil)
		e.ok(err)
		for _, d := range done {
			e.ok(d.Err)
			if has(d.Changes, "disable portal group") || has(d.Changes, "unlink LUN") || has(d.Changes, "make backstore") {
				e.Fatalf("not taken over as it is: %v", d.Changes)
			}
		}
		e.reads(path.Join(e.at("core", "iblock_900000"), "a", "wwn", "vpd_unit_serial"), "T10 VPD Unit Serial Number: from-targetcli\n")
		e.gone(e.tpg("a", "np", "0.0.0.0:3261"))
	}},
}

var repairRows = []Row{
	{"whatever somebody changed by hand is set back", func(e *Env) {
		t := e.target("a", 0)
		t.LUNs[0].Backstore.Attributes = map[string]string{"emulate_3pc": "0", "emulate_tas": "0"}
		e.ensured(t)
		backstore := e.backstore(t)
		for name, break_ := range map[string]func(){
			"disabled":         func() { e.ok(e.FS.WriteFile(e.tpg("a", "enable"), "0")) },
			"an attribute":     func() { e.ok(e.FS.WriteFile(e.tpg("a", "attrib", "demo_mode_write_protect"), "1")) },
			"a backstore's":    func() { e.ok(e.FS.WriteFile(path.Join(backstore, "attrib", "emulate_3pc"), "1")) },
			"the portal gone":  func() { e.ok(e.FS.Rmdir(e.tpg("a", "np", Portal))) },
			"a strange portal": func() { e.ok(e.FS.Mkdir(e.tpg("a", "np", "127.0.0.2:3261"))) },
			"a strange ACL":    func() { e.ok(e.FS.Mkdir(e.tpg("a", "acls", "iqn.2004-10.com.example:x"))) },
			"the LUN unlinked": func() { e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "a"))) },
			"the LUN gone": func() {
				e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "a")))
				e.ok(e.FS.Rmdir(e.tpg("a", "lun", "lun_0")))
			},
			"another LUN":       func() { e.ok(e.FS.Mkdir(e.tpg("a", "lun", "lun_7"))) },
			"the target gone":   func() { e.ok(e.C.Delete(e.Ctx, t.IQN, false)) },
			"authentication on": func() { e.ok(e.FS.WriteFile(e.tpg("a", "attrib", "authentication"), "1")) },
			"a fixed attribute": func() {
				e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "a")))
				e.ok(e.FS.WriteFile(path.Join(backstore, "attrib", "emulate_tas"), "1"))
				e.ok(e.FS.Symlink(backstore, e.tpg("a", "lun", "lun_0", "a")))
			},
		} {
			break_()
			found, err := e.C.Look(e.Ctx, t)
			e.ok(err)
			if len(found) == 0 {
				e.Fatalf("%s: not found", name)
			}
			e.ensured(t)
			if l := e.links(e.tpg("a", "lun", "lun_0")); len(l) != 1 {
				e.Fatalf("%s: lun_0 has links %v", name, l)
			}
		}
	}},
	{"a LUN on the wrong device is put right when nobody is logged in", func(e *Env) {
		e.ensured(e.target("a", 0))
		t := e.target("a", 1)
		changes := e.ensured(t)
		if !has(changes, "disable portal group") || !has(changes, "remove backstore") {
			e.Fatalf("%v", changes)
		}
		s, err := e.C.Show(e.Ctx, t.IQN)
		e.ok(err)
		if s.LUNs[0].Device != e.Paths[1] || !s.Enabled {
			e.Fatalf("%+v", s)
		}
	}},
	{"two LUNs that changed places are put back", func(e *Env) {
		t := e.target("a", 0)
		t.LUNs = append(t.LUNs, iscsi.LUN{Number: 1, Backstore: iscsi.Backstore{Device: e.Paths[1]}})
		e.ensured(t)
		swapped := t
		swapped.LUNs = []iscsi.LUN{
			{Number: 0, Backstore: iscsi.Backstore{Name: "a-lun1", Device: e.Paths[1]}},
			{Number: 1, Backstore: iscsi.Backstore{Name: "a", Device: e.Paths[0]}},
		}
		e.ensured(swapped)
		e.ensured(t)
	}},
	{"a backstore that was left over is used again when it is the right one, and replaced when not", func(e *Env) {
		t := e.target("a", 0)
		e.ensured(t)
		backstore := e.backstore(t)
		e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "a")))
		e.ok(e.FS.WriteFile(e.tpg("a", "enable"), "0"))
		e.ok(e.FS.Rmdir(e.tpg("a", "lun", "lun_0")))
		e.ok(e.FS.Rmdir(e.tpg("a", "np", Portal)))
		e.ok(e.FS.Rmdir(e.tpg("a")))
		e.ok(e.FS.Rmdir(e.at("iscsi", t.IQN.String())))
		e.reads(path.Join(backstore, "enable"), "1\n")
		if changes := e.ensured(t); has(changes, "make backstore") {
			e.Fatalf("made again: %v", changes)
		}
		e.ok(e.FS.Remove(e.tpg("a", "lun", "lun_0", "a")))
		if changes := e.ensured(e.target("a", 1)); !has(changes, "make backstore") {
			e.Fatalf("not replaced: %v", changes)
		}
	}},
}

// backstore returns the folder of LUN 0's backstore.
func (e *Env) backstore(t iscsi.Target) string {
	e.Helper()
	dir := e.tpg(e.base.Asset(t.IQN), "lun", "lun_0")
	names := e.links(dir)
	if len(names) != 1 {
		e.Fatalf("%s has links %v", dir, names)
	}
	text, err := e.FS.Readlink(path.Join(dir, names[0]))
	e.ok(err)
	if !path.IsAbs(text) {
		text = path.Join(dir, text)
	}
	return text
}

var deleteRows = []Row{
	{"a deleted target is gone with its backstore and adapter, and deleting it again is success", func(e *Env) {
		t := e.target("a", 0)
		t.ACLs = []iscsi.ACL{{Initiator: e.mustIQN("iqn.2004-10.com.example:one")}}
		e.ensured(t)
		backstore := e.backstore(t)
		e.ok(e.C.Delete(e.Ctx, t.IQN, false))
		e.ok(e.C.Delete(e.Ctx, t.IQN, false))
		e.gone(e.at("iscsi", t.IQN.String()))
		e.gone(backstore)
		e.gone(path.Dir(backstore))
	}},
	{"a target with a second portal group, made by hand, goes as a whole", func(e *Env) {
		t := e.target("a", 0)
		e.ensured(t)
		other := e.at("iscsi", t.IQN.String(), "tpgt_2")
		e.ok(e.FS.Mkdir(other))
		e.ok(e.FS.Mkdir(path.Join(other, "lun", "lun_5")))
		e.ok(e.FS.Symlink(e.backstore(t), path.Join(other, "lun", "lun_5", "x")))
		e.ok(e.C.Delete(e.Ctx, t.IQN, false))
		e.gone(e.at("iscsi", t.IQN.String()))
		left, err := e.C.Backstores(e.Ctx)
		e.ok(err)
		if len(left) != 0 {
			e.Fatalf("left over: %+v", left)
		}
	}},
	{"what is not ours is listed by name and never touched", func(e *Env) {
		foreign := e.at("iscsi", "iqn.2026-01.social.waddle:foreign")
		e.ok(e.FS.Mkdir(foreign))
		defer func() { e.ok(e.FS.Rmdir(foreign)) }()
		i := e.mustIQN("iqn.2026-01.social.waddle:foreign")
		if err := e.C.Delete(e.Ctx, i, true); !errors.Is(err, iscsi.ErrNotOurs) {
			e.Fatalf("delete: %v", err)
		}
		t := e.target("a", 0)
		t.IQN = i
		if _, err := e.C.Ensure(e.Ctx, t); !errors.Is(err, iscsi.ErrNotOurs) {
			e.Fatalf("ensure: %v", err)
		}
		l, err := e.C.List(e.Ctx)
		e.ok(err)
		if !slices.Contains(l.Foreign, i.String()) {
			e.Fatalf("%+v", l)
		}
		if _, err := e.FS.ReadDir(foreign); err != nil {
			e.Fatal(err)
		}
	}},
	{"statistics and sessions of a fresh target are empty, of one that is not there an error", func(e *Env) {
		t := e.target("a", 0)
		e.ensured(t)
		st, err := e.C.Statistics(e.Ctx, t.IQN)
		e.ok(err)
		if st.Logins != 0 || len(st.LUNs) != 1 {
			e.Fatalf("%+v", st)
		}
		s, err := e.C.Sessions(e.Ctx, t.IQN)
		e.ok(err)
		if len(s) != 0 {
			e.Fatalf("%+v", s)
		}
		if _, err := e.C.Sessions(e.Ctx, e.iqn("none")); !errors.Is(err, iscsi.ErrNotExist) {
			e.Fatal(err)
		}
		if _, err := e.C.Statistics(e.Ctx, e.iqn("none")); !errors.Is(err, iscsi.ErrNotExist) {
			e.Fatal(err)
		}
	}},
}
