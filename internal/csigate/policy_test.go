package csigate_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/lab/lio"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

func TestPropertiesThatAreNotTheDriversAreRefused(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	must(t, w.d.CreateVolume("pvc-2", 16<<20))
	must(t, w.d.CreateSnapshot("pvc-1", "snap-1", false))
	before := w.state()
	v, s := w.d.V+"/pvc-1", w.d.V+"/pvc-1@snap-1"
	for _, row := range []struct{ on, name, value string }{
		{v, "mountpoint", "/etc"}, {v, "mountpoint", "none"}, {v, "sharenfs", "on"}, {v, "exec", "on"}, {v, "setuid", "on"}, {v, "readonly", "on"},
		{v, "keylocation", "file:///etc/shadow"}, {v, "volmode", "full"}, {v, "snapdev", "visible"}, {v, "quota", "none"}, {v, "refreservation", "1T"},
		{v, "volblocksize", "512"}, {v, "dedup", "on"}, {v, "copies", "3"}, {v, "sync", "disabled"}, {v, "org.openzfs:x", "y"},
		{v, "democratic-csi:unknown", "x"}, {v, "democratic-csi:managed_resource", "false"}, {v, "democratic-csi:provision_success", "false"},
		{v, "democratic-csi:iscsi_assets_name", "pvc-2"}, {v, "democratic-csi:csi_share_volume_context", w.d.Context("pvc-2")},
		{v, "democratic-csi:csi_share_volume_context", strings.Replace(w.d.Context("pvc-1"), "10.10.0.1", "203.0.113.6", 1)},
		{v, "democratic-csi:csi_share_volume_context", strings.Replace(w.d.Context("pvc-1"), `"lun":0`, `"lun":1`, 1)},
		{v, "democratic-csi:csi_share_volume_context", w.d.Context("pvc-1") + "{}"}, {v, "democratic-csi:csi_share_volume_context", "null"},
		{v, "democratic-csi:csi_share_volume_context", strings.Replace(w.d.Context("pvc-1"), `"lun"`, `"x":1,"lun"`, 1)},
		{v, "democratic-csi:volume_context_provisioner_driver", "node-manual"}, {v, "democratic-csi:volume_context_provisioner_instance_id", "other"},
		{v, "democratic-csi:csi_volume_content_source_type", "host"}, {v, "democratic-csi:csi_volume_content_source_id", "$(reboot)"},
		{v, "democratic-csi:csi_volume_name", strings.Repeat("x", 256)}, {v, "democratic-csi:csi_volume_name", strings.Repeat("x", 9000)},
		{v, "democratic-csi:csi_volume_name", "a\nb"}, {v, "democratic-csi:csi_volume_name", "a\x00b"}, {v, "democratic-csi:csi_volume_name", "a\tb"},
		{s, "democratic-csi:csi_volume_name", "x"}, {s, "volsize", "33554432"}, {w.d.V, "democratic-csi:managed_resource", "true"}, {w.d.S, "quota", "none"},
		{w.d.S + "/x", "democratic-csi:managed_resource", "true"},
	} {
		r, err := w.Exec(csigatetest.Set(row.on, csigatetest.Pair(row.name, row.value)), false)
		must(t, err)
		if r.Code != 1 || !strings.HasPrefix(r.Stderr, "waddled refused this: ") {
			t.Errorf("%s=%.60q on %s: %+v", row.name, row.value, row.on, r)
		}
	}
	twice := csigatetest.Set(v, csigatetest.Pair("volsize", "33554432"), csigatetest.Pair("volsize", "16777216"))
	if r, err := w.Exec(twice, false); err != nil || r.Code != 1 || !strings.Contains(r.Stderr, "given twice") {
		t.Errorf("twice: %+v, %v", r, err)
	}
	for _, value := range []string{`plain`, `with "quotes"`, `$HOME`, "`id`", `back\slash`, `\"`, `ends with \`, `&lt;x&gt;`, "ünïcode", "a = b", "two  spaces"} {
		r, err := w.Exec(csigatetest.Set(v, csigatetest.Pair("democratic-csi:csi_volume_name", value)), false)
		must(t, err)
		got, err := w.Exec("/sbin/zfs get -Hp -o name,property,value,received,source democratic-csi:csi_volume_name "+v, false)
		must(t, err)
		if r.Code != 0 || !strings.Contains(got.Stdout, "\t"+value+"\t") {
			t.Errorf("%q became %q (%+v)", value, got.Stdout, r)
		}
	}
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	_, err := w.Exec(csigatetest.Set(v, csigatetest.Pair("democratic-csi:csi_volume_name", "pvc-1")), false)
	must(t, err)
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
}

func TestATargetFollowsFromItsVolume(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	_, err := w.Exec(w.d.Create("pvc-2", 16<<20), false)
	must(t, err)
	_, err = w.Exec(w.d.Create("PVC-1", 16<<20), false)
	must(t, err)
	before := w.state()
	script := w.d.CreateTarget("pvc-2")
	for name, row := range map[string]struct{ command, want string }{
		"another base name":          {strings.ReplaceAll(script, w.d.Base, "iqn.2003-01.org.linux-iscsi.host"), "not as"},
		"another asset":              {strings.ReplaceAll(script, ":pvc-2", ":pvc-9"), "not as"},
		"another volume's device":    {strings.Replace(script, "zvol/rpool/k8s-csi/v/pvc-2", "zvol/rpool/k8s-csi/v/pvc-1", 1), "not as"},
		"a snapshot's device":        {strings.Replace(script, "v/pvc-2", "v/pvc-2@x", 1), "not a volume's"},
		"a detached one's device":    {strings.Replace(script, "v/pvc-2", "s/pvc-2/x", 1), "not a volume's"},
		"a name in capitals only":    {w.d.CreateTarget("PVC-1"), "exports"},
		"authentication switched":    {strings.Replace(script, "authentication=0", "authentication=1", 1), "authentication of the portal group is 0"},
		"an attribute of its own":    {strings.Replace(script, "authentication=0", "prod_mode_write_protect=0", 1), "not one that the platform sets"},
		"write back":                 {strings.Replace(script, "emulate_tpu=1", "emulate_write_cache=1", 1), "not one that the platform sets"},
		"CHAP of its own":            {strings.Replace(script, "\n\n\n# create", "\nset auth userid=x\nset auth password=abcdefghijkl\n\n\n# create", 1), "CHAP userid is not what the platform says"},
		"a volume that is not there": {w.d.CreateTarget("pvc-none"), "there is no volume"},
		"taking another base's":      {strings.ReplaceAll(w.d.DeleteTarget("pvc-1"), w.d.Base, "iqn.2003-01.org.linux-iscsi.host"), "belongs to target"},
		"taking one by two names":    {strings.Replace(w.d.DeleteTarget("pvc-1"), "delete pvc-1", "delete pvc-2", 1), "belongs to target"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := w.Exec(row.command, true)
			must(t, err)
			if r.Code != 1 || !strings.Contains(r.Stdout, row.want) || r.Stderr != "" {
				t.Fatalf("%+v", r)
			}
			if after := w.state(); after != before {
				t.Fatalf("changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

func TestAVolumeThatCanHaveNoTargetIsNotMade(t *testing.T) {
	w := newWorld(t).start()
	before := w.state()
	for _, id := range []string{"pvc_1", strings.Repeat("a", 128) + ""} {
		if id != "pvc_1" {
			w.d.Base = w.d.Base + ":" + strings.Repeat("b", 80) // together more than 223 bytes
			w.start()
		}
		r, err := w.Exec(w.d.Create(id, 16<<20), false)
		must(t, err)
		if r.Code != 1 || !strings.Contains(r.Stderr, "cannot be part of an iSCSI name") {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s", after)
	}
}

func TestATargetWithANodeLoggedInIsNotTakenAway(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	must(t, w.tree.Login(w.d.IQN("pvc-1"), w.d.Portal, "iqn.2004-10.com.example:node", netip.MustParseAddr("10.10.0.10"), lio.Credentials{}))
	before := w.state()
	r, err := w.Exec(w.d.DeleteTarget("pvc-1"), true)
	must(t, err)
	if r.Code != 1 || !strings.Contains(r.Stdout, "iqn.2004-10.com.example:node is logged in") || !strings.Contains(r.Stdout, "waddle storage delete") {
		t.Fatalf("%+v", r)
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
}

func TestATargetOfAnOlderHostIsNotTakenAway(t *testing.T) {
	w := newWorld(t).start()
	old, err := w.zfs.Root().Volume(root + "/pvc-1")
	must(t, err)
	_, err = w.zfs.Create(t.Context(), createSpec(old))
	must(t, err)
	i, err := w.iscsi.Base().Target("pvc-1")
	must(t, err)
	portal, err := iscsi.ParsePortal(w.d.Portal)
	must(t, err)
	_, err = w.iscsi.Ensure(t.Context(), iscsi.Target{IQN: i, Portals: []iscsi.Portal{portal}, Attributes: map[string]string{"generate_node_acls": "1"},
		LUNs: []iscsi.LUN{{Backstore: iscsi.Backstore{Device: w.zfs.Device(old)}}}})
	must(t, err)
	before := w.state()
	r, err := w.Exec(w.d.DeleteTarget("pvc-1"), true)
	must(t, err)
	if r.Code != 1 || !strings.Contains(r.Stdout, "is not a volume of rpool/k8s-csi/v") || w.state() != before {
		t.Fatalf("%+v", r)
	}
}

func TestCHAPOfTheScriptHasToBeThePlatforms(t *testing.T) {
	w := newWorld(t)
	chap := iscsi.CHAP{User: "waddle", Password: iscsi.NewSecret("one-way-secret.1")}
	w.policy = func(p *execute.Policy) { p.CHAP = chap; p.Group["authentication"] = "1" }
	w.d.Group[0] = "authentication=1"
	w.start()
	for name, auth := range map[string][]string{
		"none":           nil,
		"a wrong one":    {"userid=waddle", "password=another-secret.1"},
		"half":           {"userid=waddle"},
		"one too many":   {"userid=waddle", "password=one-way-secret.1", "mutual_userid=x", "mutual_password=abcdefghijkl"},
		"the same twice": {"userid=waddle", "userid=waddle"},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.d
			d.Auth = auth
			err := d.CreateVolume("pvc-1", 16<<20)
			if err == nil || !strings.Contains(err.Error(), "CHAP") || strings.Contains(err.Error(), "secret.1") {
				t.Fatalf("got %v", err)
			}
		})
	}
	w.d.Auth = []string{"userid=waddle", "password=one-way-secret.1"}
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
}

// TestWhatTheDriverDidNotMakeIsNotItsToDestroy: whoever may create a
// PersistentVolume or a VolumeSnapshotContent writes the name that is destroyed
// with it.
func TestWhatTheDriverDidNotMakeIsNotItsToDestroy(t *testing.T) {
	w := newWorld(t).start()
	ctx := t.Context()
	property := func(pair string) zfs.Property {
		name, value, _ := strings.Cut(pair, "=")
		p, err := zfs.NewProperty(name, value)
		must(t, err)
		return p
	}
	made := func(name string, properties ...zfs.Property) zfs.Volume {
		v, err := w.zfs.Root().Volume(root + "/v/" + name)
		must(t, err)
		s := createSpec(v)
		s.Properties, s.Parents = properties, true
		_, err = w.zfs.Create(ctx, s)
		must(t, err)
		return v
	}
	taken := func(v zfs.Volume, name string) {
		s, err := v.Snapshot(name)
		must(t, err)
		_, err = w.zfs.Run(ctx, zfs.TakeSnapshot(s))
		must(t, err)
	}
	operators := made("scratch", property("waddle:export=on"))
	taken(operators, "before-upgrade")
	made("archive/pvc-7")
	must(t, w.d.CreateVolume("scratch-not", 16<<20))
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	v, err := w.zfs.Root().Volume(root + "/v/pvc-1")
	must(t, err)
	taken(v, "nightly")
	portal, err := iscsi.ParsePortal(w.d.Portal)
	must(t, err)
	for asset, v := range map[string]zfs.Volume{"scratch": operators, "data": made("DATA", property("waddle:export=on"))} {
		i, err := w.iscsi.Base().Target(asset)
		must(t, err)
		_, err = w.iscsi.Ensure(ctx, iscsi.Target{IQN: i, Portals: []iscsi.Portal{portal}, Attributes: map[string]string{"generate_node_acls": "1"},
			LUNs: []iscsi.LUN{{Backstore: iscsi.Backstore{Device: w.zfs.Device(v)}}}})
		must(t, err)
	}

	before := w.state()
	for name, command := range map[string]string{
		"an operator's volume":                       "/sbin/zfs destroy -r -f -p " + root + "/v/scratch",
		"its target":                                 w.d.DeleteTarget("scratch"),
		"the target of one in capitals":              w.d.DeleteTarget("DATA"),
		"its snapshots":                              "/sbin/zfs destroy -f -p " + root + "/v/scratch@%",
		"an operator's snapshot":                     "/sbin/zfs destroy -r -f -p -d " + root + "/v/scratch@before-upgrade",
		"an operator's snapshot of a claim's":        "/sbin/zfs destroy -r -f -p -d " + root + "/v/pvc-1@nightly",
		"an operator's volume, said to be a claim's": `/sbin/zfs set democratic-csi:managed_resource="true" ` + root + "/v/scratch",
		"a folder of volumes":                        "/sbin/zfs destroy -r -f -p " + root + "/v/archive",
	} {
		r, err := w.Exec(command, strings.Contains(command, "targetcli"))
		must(t, err)
		if r.Code != 1 || !strings.Contains(r.Stdout+r.Stderr, "waddled refused this") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s\nwas\n%s", after, before)
	}
	// Nor is anything of the driver's kept from it: an operator's volume as the
	// source of a claim, its helper snapshot, and the claims with their snapshots.
	must(t, w.d.CreateVolumeFromVolume("pvc-2", 16<<20, "scratch", true))
	must(t, w.d.CreateVolumeFromVolume("pvc-3", 16<<20, "scratch", false))
	must(t, w.d.CreateSnapshot("pvc-1", "snap-1", false))
	must(t, w.d.DeleteSnapshot("pvc-1@snap-1"))
	for _, id := range []string{"pvc-1", "pvc-2", "pvc-3", "scratch-not", "pvc-none"} {
		must(t, w.d.DeleteVolume(id))
	}
	if volumes, targets, _ := w.left(); volumes != 3 || targets != 2 {
		t.Errorf("%d volumes and %d targets are left:\n%s", volumes, targets, w.state())
	}
}
