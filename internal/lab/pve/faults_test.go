package pve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func lockedBy(vmid int, lock string) pve.Fault {
	return pve.Fault{Kind: pve.FaultLock, VMID: vmid, Lock: lock}
}

func TestACreateThatFailsAtAnyStepLeavesNothingBehind(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 1)
	cells := 0
	for _, step := range pve.Steps()["qmcreate"] {
		if step == "prepare" || step == "start" || step == "end" { // the VM is made by then
			continue
		}
		if _, err := n.Inject(pve.Fault{Kind: pve.FaultTask, Task: "qmcreate", Step: step, Times: 1, Text: "zfs error: broken"}); err != nil {
			t.Fatal(err)
		}
		cells++
		if exit := n.task(n.call("POST", "/nodes/pve/qemu", body(100, nil))); !strings.HasSuffix(exit, "zfs error: broken") {
			t.Errorf("a fault at %s: %s", step, exit)
		}
		if left := n.volumes("local-zfs"); len(left) > 0 {
			t.Errorf("a fault at %s left %v", step, left)
		}
		if a := n.call("GET", vm100+"/config", ""); a.status != 500 {
			t.Errorf("a fault at %s left the configuration: %s", step, a.Data)
		}
	}
	n.create(100, nil)
	t.Logf("%d steps", cells)
}

func TestAFullPoolFailsTheTaskAndLeavesNothing(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 500) // the pool has 400 GiB
	const want = "unable to create VM 100 - zfs error: cannot create 'rpool/data/vm-100-disk-0': out of space"
	const wantFull = "unable to create VM 100 - zfs error: cannot create 'rpool/data/vm-100-cloudinit': out of space"
	if exit := n.task(n.call("POST", "/nodes/pve/qemu", body(100, nil))); exit != want {
		t.Errorf("an image larger than the pool: %s", exit)
	}
	n.create(101, nil)
	if exit := n.task(n.call("PUT", "/nodes/pve/qemu/101/resize", `{"disk":"scsi0","size":"500G"}`)); !strings.Contains(exit, "size is greater than available space") {
		t.Errorf("a resize beyond the pool: %s", exit)
	}
	id, err := n.Inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"})
	if err != nil {
		t.Fatal(err)
	}
	if exit := n.task(n.call("POST", "/nodes/pve/qemu", body(100, nil))); exit != wantFull {
		t.Errorf("a pool that is full: %s", exit)
	}
	if err := n.Clear(id); err != nil {
		t.Fatal(err)
	}
	n.create(100, nil)
}

func TestWhatTheTaskFindsComesInItsExitStatus(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 1)
	rows := []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"an image that is not there", map[string]any{"scsi0": "local-zfs:0,import-from=local:import/none.qcow2"}, "cannot import from 'local:import/none.qcow2'"},
		{"cloud-init on a storage that is not there", map[string]any{"ide2": "nowhere:cloudinit"}, "storage 'nowhere' does not exist"},
		{"a volume that is not there", map[string]any{"scsi1": "local-zfs:vm-100-disk-7"}, "volume local-zfs:vm-100-disk-7 does not exist"},
	}
	for _, r := range rows {
		if exit := n.task(n.call("POST", "/nodes/pve/qemu", body(100, r.change))); !strings.HasPrefix(exit, "unable to create VM 100 - ") || !strings.Contains(exit, r.want) {
			t.Errorf("%s: %s", r.name, exit)
		}
	}
	n.create(100, map[string]any{"net0": "virtio,bridge=vmbr9"})
	a := n.call("POST", vm100+"/status/start", "")
	if exit := n.task(a); exit != "start failed: QEMU exited with code 1" {
		t.Errorf("a bridge that is not there: %s", exit)
	}
	log := string(n.ok("GET", "/nodes/pve/tasks/"+a.text()+"/log", "").Data)
	if !strings.Contains(log, "bridge 'vmbr9' does not exist") || !strings.Contains(log, "TASK ERROR: start failed") {
		t.Errorf("the log says %s", log)
	}
}

func TestTheThirdFullCloneAtATimeRunsIntoTheStoragesLock(t *testing.T) {
	o := options(t)
	o.Timing = pve.Scaled(0.1) // the lock wait is 1 s; a copy of 10 GiB takes 600 ms
	n := start(t, o)
	n.image("talos.qcow2", 10)
	// Without a cloud-init drive: the wait for its small volume would be a wait of its own.
	n.done(n.call("POST", "/nodes/pve/qemu", body(100, map[string]any{"ide2": nil})))
	var tasks []answer
	for _, id := range []string{"201", "202", "203"} {
		tasks = append(tasks, n.call("POST", vm100+"/clone", `{"newid":`+id+`,"full":1}`))
	}
	failed := 0
	for _, a := range tasks {
		switch exit := n.task(a); exit {
		case "OK":
		case "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-local-zfs' - got timeout":
			failed++
		default:
			t.Errorf("a clone ended with %s", exit)
		}
	}
	if failed != 1 {
		t.Errorf("%d of three clones at a time failed, want 1", failed)
	}
	var list []any
	_ = json.Unmarshal(n.ok("GET", "/nodes/pve/qemu", "").Data, &list)
	if len(list) != 3 {
		t.Errorf("%d VMs, want the source and two clones", len(list))
	}
	// Linked clones of a template do not copy, and do not meet.
	n.done(n.call("POST", vm100+"/template", "{}"))
	tasks = nil
	for _, id := range []string{"301", "302", "303"} {
		tasks = append(tasks, n.call("POST", vm100+"/clone", `{"newid":`+id+`}`))
	}
	for _, a := range tasks {
		n.done(a)
	}
	if exit := n.task(n.call("DELETE", vm100, "")); !strings.Contains(exit, "base volume 'local-zfs:base-100-disk-0' is still in use by linked cloned") {
		t.Errorf("a template with clones was deleted: %s", exit)
	}
}

func TestFaultsOfTheAPIAndTheGuest(t *testing.T) {
	n := start(t, options(t))
	n.create(100, nil)
	inject := func(f pve.Fault) {
		t.Helper()
		if _, err := n.Inject(f); err != nil {
			t.Fatal(err)
		}
	}
	inject(pve.Fault{Kind: pve.FaultHTTP, Method: "GET", Path: "/version", Status: 502, Times: 1, Text: "Bad Gateway"})
	if a := n.call("GET", "/version", ""); a.status != 502 {
		t.Errorf("502: got %d", a.status)
	}
	inject(pve.Fault{Kind: pve.FaultHTTP, Method: "POST", Path: vm100 + "/status/start", Status: 500, When: "after", Times: 1})
	if a := n.call("POST", vm100+"/status/start", ""); a.status != 500 {
		t.Errorf("an answer that is lost after the work: got %d", a.status)
	}
	agent := func() answer { return n.call("POST", vm100+"/agent/ping", "") }
	await(t, "the VM whose start nobody heard of", func() bool { return agent().status == 200 })
	inject(pve.Fault{Kind: pve.FaultSilent, VMID: 100})
	if a := agent(); a.status != 500 || !strings.Contains(a.Message, "got timeout") {
		t.Errorf("a silent agent: %d %s", a.status, a.Message)
	}
	inject(lockedBy(100, "backup"))
	if exit := n.task(n.call("POST", vm100+"/status/stop", "")); exit != "VM is locked (backup)" {
		t.Errorf("a VM that is backed up: %s", exit)
	}
	if err := n.Clear(""); err != nil {
		t.Fatal(err)
	}
	if err := n.Crash(100); err != nil {
		t.Fatal(err)
	}
	if m := n.ok("GET", vm100+"/status/current", "").object(); m["status"] != "stopped" {
		t.Errorf("a VM that crashed is %v", m["status"])
	}
	inject(pve.Fault{Kind: pve.FaultHTTP, Path: "/version", Times: 1})
	req, _ := http.NewRequestWithContext(t.Context(), "GET", n.URL()+"/version", nil)
	if res, err := n.http.Do(req); err == nil {
		res.Body.Close()
		// net/http tries an idempotent request once more when a kept connection breaks.
		if len(n.Faults()) != 0 {
			t.Error("the connection was not dropped")
		}
	}
	for _, f := range []pve.Fault{{Kind: "flood"}, {Kind: pve.FaultTask, Task: "qmfly"}, {Kind: pve.FaultTask, Task: "qmstart", Step: "import"}, {Kind: pve.FaultLock}} {
		if _, err := n.Inject(f); err == nil {
			t.Errorf("the fault %+v was taken", f)
		}
	}
}

func TestFaultsAreInjectedThroughTheSocket(t *testing.T) {
	n := start(t, options(t))
	socket := filepath.Join(t.TempDir(), "admin.sock")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- n.ServeAdmin(ctx, socket) }()
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	ask := func(method, path, body string) (int, string) {
		req, _ := http.NewRequest(method, "http://lab"+path, bytes.NewReader([]byte(body)))
		res, err := c.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(raw)
	}
	await(t, "the socket", func() bool { code, _ := ask("GET", "/faults", ""); return code == 200 })
	if code, said := ask("POST", "/faults", `{"kind":"http","path":"/version","status":500,"times":1}`); code != 200 {
		t.Errorf("injecting: %d %s", code, said)
	}
	if a := n.call("GET", "/version", ""); a.status != 500 {
		t.Errorf("the fault did not happen: %d", a.status)
	}
	for body, want := range map[string]string{`{"kind":"flood"}`: "kind", `{"knd":1}`: "unknown field"} {
		if code, said := ask("POST", "/faults", body); code != 400 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s", body, code, said)
		}
	}
	if code, _ := ask("POST", "/vms/100/crash", ""); code != 409 {
		t.Errorf("crashing a VM that does not exist: %d", code)
	}
	if code, _ := ask("DELETE", "/faults", ""); code != 204 {
		t.Errorf("clearing: %d", code)
	}
	c.CloseIdleConnections()
	cancel()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the socket is served for ever")
	}
}
