package pve_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// refusals are requests that Proxmox refuses, against VM 100 (off, locked by nothing), VM 101 (which
// runs) and VM 102 (locked by a backup). want is the parameter of a 400, or a part of the message.
var refusals = []struct {
	method, path, body string
	status             int
	want               string
}{
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"cores":0}`, 400, "cores"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"cores":"three"}`, 400, "cores"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"balloon":-1}`, 400, "balloon"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"name":"a_b"}`, 400, "name"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"net0":"bridge=vmbr1"}`, 400, "net0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"net0":"virtio=01:00:5e:00:00:01"}`, 400, "net0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"net0":"virtio,bridge=vmbr1,tag=5000"}`, 400, "net0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"ipconfig0":"ip=10.10.0.10"}`, 400, "ipconfig0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"ipconfig0":"gw=10.10.0.1"}`, 400, "ipconfig0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsi31":"local-zfs:1"}`, 400, "scsi31"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"ide4":"local-zfs:cloudinit"}`, 400, "ide4"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"agent":"enabled=2"}`, 400, "agent"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"bios":"uefi"}`, 400, "bios"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"machine":"q36"}`, 400, "machine"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"ostype":"linux"}`, 400, "ostype"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsihw":"virtio"}`, 400, "scsihw"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"cpu":"hosty"}`, 400, "cpu"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"startup":"order=a"}`, 400, "startup"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"onboot":"yes"}`, 400, "onboot"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"smbios1":"uuid=not-a-uuid"}`, 400, "smbios1"},
	{"POST", "/nodes/pve/qemu", `{"vmid":99}`, 400, "vmid"},
	{"POST", "/nodes/pve/qemu", `{}`, 400, "vmid"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"unknown":1}`, 400, "unknown"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"node":"pve"}`, 400, "node"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"hotplug":"everything"}`, 400, "hotplug"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"force":1}`, 400, "archive"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsi0":"local-zfs:5,import-from=local:import/talos.qcow2"}`, 400, "scsi0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsi0":"local-zfs:0,import-from=local:iso/x.iso"}`, 400, "scsi0"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsi0":"local:1"}`, 400, "storage"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"ide2":"local:iso/x.iso"}`, 400, "ide2"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"scsi0":"nowhere:1"}`, 500, "storage 'nowhere' does not exist"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"memory":"1024","balloon":2048}`, 500, "balloon value too large"},
	{"POST", "/nodes/pve/qemu", `{"vmid":100}`, 500, "unable to create VM 100 - VM 100 already exists on node 'pve'"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200,"pool":"none"}`, 403, "pool 'none' does not exist"},
	{"POST", "/nodes/other/qemu", `{"vmid":200}`, 500, "hostname lookup 'other' failed"},
	{"POST", "/nodes/pve/qemu", `{"vmid":200`, 400, "malformed JSON"},
	{"GET", "/cluster/nextid?vmid=100", ``, 400, "vmid"},
	{"GET", "/cluster/resources?type=lxc", ``, 400, "type"},
	{"GET", "/nodes/pve/qemu/300/config", ``, 500, "Configuration file 'nodes/pve/qemu-server/300.conf' does not exist"},
	{"GET", vm100 + "/config?snapshot=none", ``, 500, "snapshot 'none' does not exist"},
	{"PUT", vm100 + "/config", `{}`, 500, "no options specified"},
	{"PUT", vm100 + "/config", `{"digest":"0000","cores":1}`, 500, "checksum mismatch (file change by other user?)"},
	{"PUT", vm100 + "/config", `{"delete":"nonsense"}`, 400, "delete"},
	{"PUT", vm100 + "/config", `{"delete":"cores","cores":1}`, 400, "delete"},
	{"PUT", vm100 + "/config", `{"revert":"nonsense"}`, 400, "revert"},
	{"PUT", vm100 + "/config", `{"boot":"order=scsi7"}`, 500, "invalid bootorder: device 'scsi7' does not exist'"},
	{"PUT", vm100 + "/config", `{"skiplock":1,"cores":1}`, 400, "skiplock"},
	{"PUT", vm100 + "/config", `{"args":"-boot"}`, 500, "only root can set 'args' config"},
	{"PUT", "/nodes/pve/qemu/102/config", `{"cores":1}`, 500, "VM is locked (backup)"},
	{"PUT", vm100 + "/resize", `{"disk":"scsi0","size":"1M"}`, 500, "shrinking disks is not supported"},
	{"PUT", vm100 + "/resize", `{"disk":"scsi5","size":"9G"}`, 500, "disk 'scsi5' does not exist"},
	{"PUT", vm100 + "/resize", `{"disk":"ide2","size":"9G"}`, 500, "you can't resize a cdrom"},
	{"PUT", vm100 + "/resize", `{"disk":"scsi0","size":"nine"}`, 400, "size"},
	{"PUT", vm100 + "/resize", `{"disk":"floppy0","size":"9G"}`, 400, "disk"},
	{"POST", vm100 + "/clone", `{"newid":101}`, 500, "unable to create VM 101: config file already exists"},
	{"POST", vm100 + "/clone", `{"newid":201,"full":0}`, 500, "Linked clone feature is not supported for 'local-zfs:vm-100-disk-0' (scsi0)"},
	{"POST", vm100 + "/clone", `{"newid":201,"full":0,"storage":"local-zfs"}`, 500, "parameter 'storage' not allowed for linked clones"},
	{"POST", vm100 + "/snapshot", `{"snapname":"current"}`, 500, "reserved name"},
	{"POST", vm100 + "/snapshot", `{"snapname":"2bad"}`, 400, "snapname"},
	{"DELETE", vm100 + "/snapshot/none", ``, 500, "snapshot 'none' does not exist"},
	{"DELETE", "/nodes/pve/qemu/101", ``, 500, "VM 101 is running - destroy failed"},
	{"POST", "/nodes/pve/qemu/101/template", `{}`, 500, "you can't convert a VM to template if VM is running"},
	{"POST", vm100 + "/status/reboot", `{}`, 500, "VM 100 not running"},
	{"POST", vm100 + "/status/start", `{"timeout":-1}`, 400, "timeout"},
	{"POST", vm100 + "/agent/ping", `{}`, 500, "VM 100 is not running"},
	{"POST", vm100 + "/agent/exec", `{}`, 400, "command"},
	{"POST", vm100 + "/agent", `{"command":"format-c"}`, 400, "command"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"import","filename":"x.qcow2","url":"ftp://x/y"}`, 400, "url"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"images","filename":"x.qcow2","url":"http://x/y"}`, 400, "content"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"import","filename":"x.txt","url":"http://x/y"}`, 400, "filename"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"iso","filename":"x.qcow2","url":"http://x/y"}`, 400, "filename"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"iso","filename":"x.iso","url":"http://x/y","checksum":"00"}`, 400, "checksum-algorithm"},
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"iso","filename":"x.iso","url":"http://x/y","checksum":"00","checksum-algorithm":"crc"}`, 400, "checksum-algorithm"},
	{"POST", "/nodes/pve/storage/local-zfs/download-url", `{"content":"iso","filename":"x.iso","url":"http://x/y"}`, 500, "can't upload to storage type 'zfspool'"},
	{"GET", "/nodes/pve/tasks/UPID:nonsense/status", ``, 400, "upid"},
	{"POST", "/access/roles", `{"roleid":"Mine","privs":"VM.Fly"}`, 400, "privs"},
	{"POST", "/access/users", `{"userid":"nobody"}`, 400, "userid"},
	{"PUT", "/access/acl", `{"path":"/nonsense","roles":"PVEAuditor","users":"root@pam"}`, 400, "path"},
	{"PUT", "/access/acl", `{"path":"/","roles":"PVEAuditor"}`, 400, "users"},
	{"PUT", "/access/acl", `{"path":"/","roles":"None","users":"root@pam"}`, 500, "role 'None' does not exist"},
	{"POST", "/nodes/pve/nonsense", `{}`, 501, "Method 'POST /nodes/pve/nonsense' not implemented"},
}

func TestWhatProxmoxRefusesIsRefused(t *testing.T) {
	n := start(t, options(t))
	for _, id := range []int{100, 101, 102} {
		n.create(id, nil)
	}
	n.done(n.call("POST", "/nodes/pve/qemu/101/status/start", ""))
	if _, err := n.Inject(lockedBy(102, "backup")); err != nil {
		t.Fatal(err)
	}
	before := n.ok("GET", "/cluster/resources", "").Data
	for _, r := range refusals {
		a := n.call(r.method, r.path, r.body)
		said := a.Message
		if r.status == 400 && a.Errors != nil {
			said = strings.Join(keys(a.Errors), " ")
			if a.Message != "Parameter verification failed.\n" {
				t.Errorf("%s %s %s: the message is %q", r.method, r.path, r.body, a.Message)
			}
		}
		if a.status != r.status || !strings.Contains(said, r.want) || a.reason != strings.TrimSpace(a.Message) {
			t.Errorf("%s %s %s:\n got %d %q (%s) %v\nwant %d %q", r.method, r.path, r.body, a.status, a.Message, a.reason, a.Errors, r.status, r.want)
		}
	}
	if after := n.ok("GET", "/cluster/resources", "").Data; !sameVMs(before, after) {
		t.Errorf("refused requests changed something:\n%s\n%s", before, after)
	}
	t.Logf("%d requests are refused as Proxmox refuses them", len(refusals))
}

func keys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func sameVMs(a, b json.RawMessage) bool {
	names := func(raw json.RawMessage) []string {
		var list []struct{ ID, Name, Status, Lock string }
		_ = json.Unmarshal(raw, &list)
		var all []string
		for _, v := range list {
			all = append(all, v.ID+v.Name+v.Status+v.Lock)
		}
		return all
	}
	return slices.Equal(names(a), names(b))
}

func TestWhoCannotSayWhoTheyAreIsRefused(t *testing.T) {
	n := start(t, options(t))
	rows := []struct{ name, token, want string }{
		{"no ticket and no token", "", "No ticket"},
		{"a token with another secret", "PVEAPIToken=root@pam!test=00000000-0000-0000-0000-000000000000", "invalid token value!"},
		{"a token that does not exist", "PVEAPIToken=root@pam!none=x", "no such token 'none' for user 'root@pam'"},
		{"a user that does not exist", "PVEAPIToken=nobody@pve!x=x", "no such user ('nobody@pve')"},
		{"a text that is no token", "PVEAPIToken=root@pam", "no tokenid specified"},
	}
	for _, r := range rows {
		if a := n.as(r.token, "GET", "/version", ""); a.status != 401 || a.reason != r.want {
			t.Errorf("%s: %d %s, want 401 %s", r.name, a.status, a.reason, r.want)
		}
	}
	if _, _, a := n.login("root@pam", "wrong"); a.status != 401 || a.reason != "authentication failure" {
		t.Errorf("a wrong password: %d %s", a.status, a.reason)
	}
	cookie, csrf, _ := n.login("root@pam", "root-password")
	for _, r := range []struct {
		name, cookie, csrf string
		status             int
	}{
		{"a ticket without the CSRF token", cookie, "", 401},
		{"a ticket with another CSRF token", cookie, csrf + "x", 401},
		{"a changed ticket", cookie + "x", csrf, 401},
		{"a ticket with its CSRF token", cookie, csrf, 200},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", n.URL()+"/pools", strings.NewReader("poolid=p1"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("CSRFPreventionToken", r.csrf)
		req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: r.cookie})
		if a := n.do(req); a.status != r.status {
			t.Errorf("%s: %d %s, want %d", r.name, a.status, a.Message, r.status)
		}
	}
	n.ok("PUT", "/access/users/root@pam/token/test", `{"expire":1}`)
	if a := n.call("GET", "/version", ""); a.status != 401 || !strings.Contains(a.reason, "access expired") {
		t.Errorf("an expired token: %d %s", a.status, a.reason)
	}
	if a, err := http.Get(n.URL() + "/version"); err == nil {
		a.Body.Close()
		t.Error("a client that does not know the node's CA got an answer")
	}
}
