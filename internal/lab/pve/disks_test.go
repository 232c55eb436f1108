package pve_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// twoPools is a node whose local storage takes disks too.
func twoPools(t *testing.T) pve.Options {
	o := options(t)
	o.Storages = []pve.Storage{
		{ID: "local", Type: "dir", Path: "/var/lib/vz", Content: []string{"images", "import", "iso", "snippets"}, Capacity: 20 << 30},
		{ID: "local-zfs", Type: "zfspool", Pool: "rpool/data", Content: []string{"images"}, Capacity: 40 << 30},
	}
	return o
}

func TestDisksMoveAndSnapshotsGoBackInOrder(t *testing.T) {
	n := start(t, twoPools(t))
	n.create(100, nil)
	disk := func() string { return fmt.Sprint(n.ok("GET", vm100+"/config", "").object()["scsi0"]) }
	n.done(n.call("POST", vm100+"/move_disk", `{"disk":"scsi0","storage":"local","delete":1}`))
	if got := disk(); !strings.HasPrefix(got, "local:100/vm-100-disk-0.raw,") {
		t.Errorf("moved, the disk is %s", got)
	}
	if exit := n.task(n.call("POST", vm100+"/snapshot", `{"snapname":"s1"}`)); exit != "snapshot feature is not available" {
		t.Errorf("a snapshot of a raw file: %s", exit)
	}
	n.done(n.call("POST", vm100+"/move_disk", `{"disk":"scsi0","storage":"local-zfs"}`))
	m := n.ok("GET", vm100+"/config", "").object()
	if m["unused0"] != "local:100/vm-100-disk-0.raw" {
		t.Errorf("the disk that was moved away from is not kept: %v", m)
	}
	if a := n.call("POST", vm100+"/move_disk", `{"disk":"scsi0","storage":"local-zfs"}`); a.status != 500 || !strings.Contains(a.Message, "same storage") {
		t.Errorf("a move to where it is: %d %s", a.status, a.Message)
	}
	for _, name := range []string{"s1", "s2"} {
		n.done(n.call("POST", vm100+"/snapshot", `{"snapname":"`+name+`"}`))
		n.ok("PUT", vm100+"/config", `{"description":"after `+name+`"}`)
	}
	if exit := n.task(n.call("POST", vm100+"/snapshot/s1/rollback", "")); !strings.Contains(exit, "can't rollback, 's1' is not most recent snapshot") {
		t.Errorf("a rollback over a newer snapshot: %s", exit)
	}
	n.done(n.call("POST", vm100+"/snapshot/s2/rollback", `{"start":1}`))
	if m := n.ok("GET", vm100+"/config", "").object(); m["description"] != "after s1" || m["parent"] != "s2" {
		t.Errorf("after the rollback: %v", m)
	}
	n.done(n.call("DELETE", vm100+"/snapshot/s2", ""))
	n.done(n.call("POST", vm100+"/snapshot/s1/rollback", ""))
	n.ok("PUT", vm100+"/unlink", `{"idlist":"unused0"}`)
	n.done(n.call("DELETE", vm100, ""))
	for _, storage := range []string{"local", "local-zfs"} {
		for id := range n.volumes(storage) {
			if !strings.Contains(id, ":import/") {
				t.Errorf("%s is left", id)
			}
		}
	}
}

func TestDeletingAVMFreesWhatItNamesAndOrphansWhenAsked(t *testing.T) {
	n := start(t, twoPools(t))
	n.create(100, map[string]any{"protection": 1})
	if a := n.call("DELETE", vm100, ""); a.status != 500 || a.Message != "can't remove VM 100 - protection mode enabled\n" {
		t.Errorf("a protected VM: %d %s", a.status, a.Message)
	}
	n.ok("PUT", vm100+"/config", `{"protection":0}`)
	orphan := n.ok("POST", "/nodes/pve/storage/local-zfs/content", `{"vmid":100,"filename":"vm-100-disk-9","size":"1G"}`).text()
	n.done(n.call("DELETE", vm100, ""))
	if left := n.volumes("local-zfs"); len(left) != 1 || !left[orphan] {
		t.Errorf("left are %v, want the orphan %s alone", left, orphan)
	}
	n.create(100, nil)
	n.done(n.call("DELETE", vm100+"?destroy-unreferenced-disks=1&purge=1", ""))
	if left := n.volumes("local-zfs"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

func TestAPowerCutInTheMiddleOfACreateLeavesTheLock(t *testing.T) {
	o := options(t)
	o.Timing = pve.Scaled(fast)
	o.Timing.CopyPerGiB = 1e14 // the import takes 200 s
	n := start(t, o)
	n.image("talos.qcow2", 1)
	a := n.call("POST", "/nodes/pve/qemu", body(100, nil))
	await(t, "the disk", func() bool { return n.volumes("local-zfs")["local-zfs:vm-100-disk-0"] })
	n.http.CloseIdleConnections()
	begun := time.Now()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 100*time.Second { // and not the 200 of the import
		t.Errorf("closing took %s", took)
	}
	again, err := pve.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	n.Server = again
	t.Cleanup(func() { n.http.CloseIdleConnections(); _ = again.Close() })
	if exit := n.task(a); exit != "unexpected status" {
		t.Errorf("the task ended with %s", exit)
	}
	if m := n.ok("GET", vm100+"/config", "").object(); m["lock"] != "create" {
		t.Errorf("the configuration is %v", m)
	}
	if exit := n.task(n.call("DELETE", vm100+"?destroy-unreferenced-disks=1", "")); exit != "VM is locked (create)" {
		t.Errorf("deleting it: %s", exit)
	}
	cookie, csrf, _ := n.login("root@pam", "root-password")
	n.done(n.ticket(cookie, csrf, "DELETE", vm100+"?destroy-unreferenced-disks=1&skiplock=1"))
	if left := n.volumes("local-zfs"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

func TestAnUploadGoesThroughTheClientLibrary(t *testing.T) {
	n := start(t, options(t))
	node, err := n.library().Node(t.Context(), "pve")
	if err != nil {
		t.Fatal(err)
	}
	storage, err := node.Storage(t.Context(), "local")
	if err != nil {
		t.Fatal(err)
	}
	task, err := storage.UploadString("iso", "seed.iso", "content")
	if err != nil {
		t.Fatal(err)
	}
	if err := task.Wait(t.Context(), 5*time.Millisecond, time.Minute); err != nil || !task.IsSuccessful {
		t.Fatalf("%v: %s", err, task.ExitStatus)
	}
	if iso, err := storage.ISO(t.Context(), "seed.iso"); err != nil || iso.Path != "/var/lib/vz/template/iso/seed.iso" {
		t.Errorf("the ISO is %+v, %v", iso, err)
	}
	if _, err := storage.UploadString("iso", "seed.txt", "content"); err == nil || !strings.Contains(err.Error(), "wrong file extension") {
		t.Errorf("another extension: %v", err)
	}
}
