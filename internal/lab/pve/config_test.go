package pve_test

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func (n *node) pendingOf(vmid int) map[string]map[string]any {
	n.t.Helper()
	var list []map[string]any
	if err := json.Unmarshal(n.ok("GET", fmt.Sprintf("/nodes/pve/qemu/%d/pending", vmid), "").Data, &list); err != nil {
		n.t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for _, m := range list {
		all[m["key"].(string)] = m
	}
	return all
}

func TestANewVMHasWhatProxmoxAdds(t *testing.T) {
	n := start(t, options(t))
	n.create(100, map[string]any{"tags": "Zoo;waddle,waddle", "net1": "virtio,bridge=vmbr0"})
	m := n.ok("GET", vm100+"/config", "").object()
	for opt, want := range map[string]string{
		"scsi0": `local-zfs:vm-100-disk-0,discard=on,iothread=1,size=1G,ssd=1`, "ide2": `local-zfs:vm-100-cloudinit,media=cdrom`,
		"net0": `virtio=BC:24:11:00:00:10,bridge=vmbr1`, "net1": `virtio=BC:24:11:[0-9A-F:]{8},bridge=vmbr0`, "boot": `order=scsi0;net0`,
		"tags": `waddle;zoo`, "smbios1": `uuid=[0-9a-f-]{36}`, "vmgenid": `[0-9a-f-]{36}`, "meta": `creation-qemu=.*`, "digest": `[0-9a-f]{40}`, "memory": `2048`, "cores": `2`,
	} {
		if got := fmt.Sprint(m[opt]); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%s is %s, want %s", opt, got, want)
		}
	}
}

func TestAChangeIsLiveOrWaitsForTheNextStart(t *testing.T) {
	n := start(t, options(t))
	n.create(100, nil)
	n.done(n.call("POST", vm100+"/status/start", ""))
	rows := []struct {
		opt, value string
		live       bool
	}{
		{"cores", "4", false}, {"memory", "4096", false}, {"cpu", "x86-64-v3", false}, {"boot", "order=net0", false}, {"serial1", "socket", false}, {"balloon", "1024", false},
		{"name", "other", true}, {"description", "x", true}, {"tags", "a;b", true}, {"onboot", "0", true}, {"net0", "virtio=BC:24:11:00:00:10,bridge=vmbr0", true},
		{"net1", "virtio=BC:24:11:00:00:11,bridge=vmbr1", true}, {"ipconfig0", "ip=10.10.0.99/24", true}, {"scsi1", "local-zfs:1", true}, {"sata0", "local-zfs:1", false},
	}
	for _, r := range rows {
		n.ok("PUT", vm100+"/config", fmt.Sprintf(`{%q:%q}`, r.opt, r.value))
		if _, waits := n.pendingOf(100)[r.opt]["pending"]; waits == r.live {
			t.Errorf("%s=%s: live %v, want %v", r.opt, r.value, !waits, r.live)
		}
	}
	if m := n.ok("GET", vm100+"/config?current=1", "").object(); fmt.Sprint(m["cores"]) != "2" {
		t.Errorf("cores now are %v", m["cores"])
	}
	if m := n.ok("GET", vm100+"/config", "").object(); fmt.Sprint(m["cores"]) != "4" {
		t.Errorf("cores at the next start are %v", m["cores"])
	}
	// What came is told; of an address that became another one Proxmox tells nothing.
	if a := string(n.ok("GET", vm100+"/cloudinit", "").Data); !strings.Contains(a, `"key":"net1","pending"`) || strings.Contains(a, "ipconfig0") {
		t.Errorf("what the cloud-init drive has in an older version: %s", a)
	}
	n.ok("PUT", vm100+"/config", `{"revert":"memory"}`)
	n.done(n.call("POST", vm100+"/status/reboot", ""))
	for opt, m := range n.pendingOf(100) {
		if m["pending"] != nil || m["delete"] != nil {
			t.Errorf("%s still waits after the reboot", opt)
		}
	}
	if m := n.ok("GET", vm100+"/config", "").object(); fmt.Sprint(m["cores"]) != "4" || m["memory"] != "2048" {
		t.Errorf("after the reboot: %v", m)
	}
	n.ok("PUT", vm100+"/config", `{"delete":"scsi1"}`)
	if m := n.ok("GET", vm100+"/config", "").object(); m["unused0"] != "local-zfs:vm-100-disk-1" {
		t.Errorf("a disk that was taken out is not kept as unused: %v", m)
	}
	n.ok("PUT", vm100+"/config", `{"delete":"unused0"}`)
	if n.volumes("local-zfs")["local-zfs:vm-100-disk-1"] {
		t.Error("an unused disk that was deleted is still there")
	}
}

func TestADownloadIsCheckedAndLeavesNoPieces(t *testing.T) {
	content := pve.QCOW2(1 << 30)
	sum := sha512.Sum512(content)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/good":
			_, _ = w.Write(content)
		case "/short":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(content)
		default:
			http.NotFound(w, req)
		}
	}))
	defer web.Close()
	o := options(t)
	o.HTTP = web.Client()
	n := start(t, o)
	get := func(path, file, sum string) string {
		return n.task(n.call("POST", "/nodes/pve/storage/local/download-url",
			fmt.Sprintf(`{"content":"import","filename":%q,"url":%q,"checksum":%q,"checksum-algorithm":"sha512"}`, file, web.URL+path, sum)))
	}
	right, wrong := hex.EncodeToString(sum[:]), strings.Repeat("0", 128)
	for _, r := range []struct{ name, path, sum, want string }{
		{"another checksum", "/good", wrong, "checksum mismatch: got"},
		{"a file that is not there", "/none", right, "exit code 8"},
		{"a truncated file", "/short", right, "exit code 4"},
	} {
		if exit := get(r.path, "a.qcow2", r.sum); !strings.Contains(exit, r.want) {
			t.Errorf("%s: %s", r.name, exit)
		}
		if files := n.volumes("local"); len(files) > 0 {
			t.Errorf("%s left %v", r.name, files)
		}
	}
	if exit := get("/good", "a.qcow2", right); exit != "OK" {
		t.Errorf("the right file: %s", exit)
	}
	if exit := get("/good", "a.qcow2", right); exit != "OK" {
		t.Errorf("the same again: %s", exit)
	}
	if exit := get("/good", "a.qcow2", wrong); !strings.Contains(exit, "aborting") {
		t.Errorf("another file of that name: %s", exit)
	}
	n.ok("PUT", "/storage/local", `{"content":"iso,snippets"}`)
	a := n.call("POST", "/nodes/pve/storage/local/download-url", `{"content":"import","filename":"b.qcow2","url":"http://x/y"}`)
	if a.status != 500 || a.Message != "storage 'local' is not configured for content-type 'import'\n" {
		t.Errorf("a storage without import: %d %q", a.status, a.Message)
	}
	n.ok("PUT", "/storage/local", `{"content":"iso,snippets,import"}`)
	n.done(n.call("DELETE", "/nodes/pve/storage/local/content/local:import/a.qcow2", ""))
	if files := n.volumes("local"); len(files) > 0 {
		t.Errorf("deleted, but there: %v", files)
	}
}

func TestTheNodeSurvivesARestart(t *testing.T) {
	o := options(t)
	n := start(t, o)
	n.create(100, nil)
	n.done(n.call("POST", vm100+"/status/start", ""))
	config := n.ok("GET", vm100+"/config", "").Data
	n.http.CloseIdleConnections()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := pve.Open(t.Context(), withTiming(o))
	if err != nil {
		t.Fatal(err)
	}
	n.Server = again
	t.Cleanup(func() { n.http.CloseIdleConnections(); _ = again.Close() })
	if now := n.ok("GET", vm100+"/config", "").Data; string(now) != string(config) {
		t.Errorf("the configuration was %s, is %s", config, now)
	}
	if m := n.ok("GET", vm100+"/status/current", "").object(); m["status"] != "running" {
		t.Errorf("the VM is %v", m["status"])
	}
	await(t, "the agent", func() bool { return n.call("POST", vm100+"/agent/ping", "").status == 200 })
	n.done(n.call("POST", vm100+"/status/shutdown", ""))
	n.done(n.call("DELETE", vm100, ""))
}

func withTiming(o pve.Options) pve.Options {
	o.Timing = pve.Scaled(fast)
	return o
}

func TestATaskIsStoppedAndADeafGuestOutlastsTheShutdown(t *testing.T) {
	o := options(t)
	o.Guests = map[string]pve.Guest{"talos": pve.Linux{Deaf: true}}
	o.Timing = pve.Scaled(fast)
	o.Timing.CopyPerGiB = 1e12 // the import takes seconds
	n := start(t, o)
	n.image("talos.qcow2", 10)
	a := n.call("POST", "/nodes/pve/qemu", body(100, nil))
	n.ok("DELETE", "/nodes/pve/tasks/"+a.text(), "")
	if exit := n.task(a); !strings.Contains(exit, "interrupted by signal") {
		t.Errorf("a task that was stopped: %s", exit)
	}
	if left := n.volumes("local-zfs"); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	n.done(n.call("POST", "/nodes/pve/qemu", body(101, map[string]any{"scsi0": nil})))
	n.image("talos.qcow2", 0)
	n.done(n.call("POST", "/nodes/pve/qemu", body(100, nil)))
	n.done(n.call("POST", vm100+"/status/start", ""))
	if exit := n.task(n.call("POST", vm100+"/status/shutdown", `{"timeout":3}`)); exit != "VM quit/powerdown failed - got timeout" {
		t.Errorf("a guest that does not hear: %s", exit)
	}
	n.done(n.call("POST", vm100+"/status/shutdown", `{"timeout":3,"forceStop":1}`))
	if upid := a.text(); !regexp.MustCompile(`^UPID:pve:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:qmcreate:100:root@pam!test:$`).MatchString(upid) {
		t.Errorf("the UPID is %s", upid)
	}
}
