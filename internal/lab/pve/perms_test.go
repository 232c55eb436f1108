package pve_test

import (
	"slices"
	"strings"
	"testing"
)

// manager are the privileges that a manager of VMs needs for the calls below, by path.
var manager = map[string][]string{
	"/vms": {"VM.Allocate", "VM.Audit", "VM.Clone", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType",
		"VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.GuestAgent.Unrestricted", "VM.PowerMgmt", "VM.Snapshot"},
	"/storage":   {"Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit"},
	"/sdn/zones": {"SDN.Use"},
	"/nodes":     {"Sys.AccessNetwork", "Sys.Audit"},
}

// journey are the calls of a manager in order. Each names the privileges without which it is refused.
var journey = []struct{ method, path, body, needs string }{
	{"GET", "/nodes/pve/status", ``, "Sys.Audit"},
	{"GET", "/nodes/pve/storage/local-zfs/status", ``, ""}, // Datastore.Audit or Datastore.AllocateSpace
	{"POST", "/nodes/pve/storage/local/download-url", `{"content":"import","filename":"d.qcow2","url":"http://127.0.0.1:1/d"}`, "Sys.AccessNetwork Datastore.AllocateTemplate"},
	{"POST", "/nodes/pve/qemu", body(100, nil), "VM.Allocate VM.Config.CPU VM.Config.Memory VM.Config.HWType VM.Config.Options VM.Config.Network Datastore.AllocateSpace SDN.Use"},
	{"GET", vm100 + "/config", ``, "VM.Audit"},
	{"PUT", vm100 + "/config", `{"cores":4}`, "VM.Config.CPU"},
	{"PUT", vm100 + "/config", `{"scsi1":"local-zfs:1"}`, "VM.Config.Disk Datastore.AllocateSpace"},
	{"PUT", vm100 + "/config", `{"ide0":"none,media=cdrom"}`, "VM.Config.CDROM"},
	{"PUT", vm100 + "/cloudinit", ``, "VM.Config.Cloudinit"},
	{"PUT", vm100 + "/resize", `{"disk":"scsi0","size":"+1G"}`, "VM.Config.Disk Datastore.AllocateSpace"},
	{"POST", vm100 + "/snapshot", `{"snapname":"s1"}`, "VM.Snapshot"},
	{"POST", vm100 + "/clone", `{"newid":101}`, "VM.Clone VM.Allocate Datastore.AllocateSpace SDN.Use"},
	{"POST", vm100 + "/status/start", ``, "VM.PowerMgmt"},
	{"POST", vm100 + "/agent/exec", `{"command":["true"]}`, "VM.GuestAgent.Unrestricted"},
	{"POST", vm100 + "/status/stop", ``, "VM.PowerMgmt"},
	{"DELETE", vm100, ``, "VM.Allocate"},
}

func TestEachPrivilegeOfAManagerIsNeededForSomething(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 1)
	n.ok("POST", "/access/users", `{"userid":"waddle@pve"}`)
	for path, privs := range manager {
		role := "Waddle" + strings.ReplaceAll(path, "/", "-")
		n.ok("POST", "/access/roles", `{"roleid":"`+role+`","privs":"`+strings.Join(privs, ",")+`"}`)
		n.ok("PUT", "/access/acl", `{"path":"`+path+`","roles":"`+role+`","users":"waddle@pve"}`)
	}
	token := n.makeToken("waddle@pve", "tk", true)
	if a := n.as(token, "GET", "/nodes/pve/status", ""); a.status != 403 {
		t.Errorf("a token that is separated from its user's privileges has them: %d", a.status)
	}
	for path := range manager {
		n.ok("PUT", "/access/acl", `{"path":"`+path+`","roles":"Waddle`+strings.ReplaceAll(path, "/", "-")+`","tokens":"waddle@pve!tk"}`)
	}
	refused := map[string]int{}
	cells := 0
	for _, step := range journey {
		for path, privs := range manager {
			role := "Waddle" + strings.ReplaceAll(path, "/", "-")
			for _, priv := range privs {
				if !slices.Contains(strings.Fields(step.needs), priv) {
					continue
				}
				rest := slices.DeleteFunc(slices.Clone(privs), func(p string) bool { return p == priv })
				n.ok("PUT", "/access/roles/"+role, `{"privs":"`+strings.Join(rest, ",")+`"}`)
				a := n.as(token, step.method, step.path, step.body)
				n.ok("PUT", "/access/roles/"+role, `{"privs":"`+strings.Join(privs, ",")+`"}`)
				cells++
				if a.status != 403 || !strings.HasPrefix(a.Message, "Permission check failed") {
					t.Errorf("%s %s without %s: %d %s", step.method, step.path, priv, a.status, a.Message)
					continue
				}
				refused[priv]++
			}
		}
		a := n.as(token, step.method, step.path, step.body)
		if a.status != 200 {
			t.Fatalf("%s %s with all privileges: %d %s%v", step.method, step.path, a.status, a.Message, a.Errors)
		}
		if exit := n.wait(a); exit != "OK" && !strings.HasPrefix(exit, "download failed") {
			t.Fatalf("%s %s: %s", step.method, step.path, exit)
		}
		if step.path == vm100+"/status/start" {
			await(t, "the agent", func() bool { return n.call("POST", vm100+"/agent/ping", "").status == 200 })
		}
	}
	// These two stand in for each other where they are asked for, or show in what is listed.
	optional := []string{"Datastore.Audit"}
	for _, privs := range manager {
		for _, p := range privs {
			if refused[p] == 0 && !slices.Contains(optional, p) {
				t.Errorf("%s was needed for nothing", p)
			}
		}
	}
	t.Logf("%d calls, %d times refused for one missing privilege", len(journey), cells)
}

// wait waits for a call's task; a call without one is OK.
func (n *node) wait(a answer) string {
	n.t.Helper()
	if !strings.HasPrefix(a.text(), "UPID:") {
		return "OK"
	}
	return n.task(a)
}

func TestPrivilegesFollowThePath(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 1)
	n.create(100, nil)
	n.create(101, nil)
	n.ok("POST", "/access/users", `{"userid":"ann@pve"}`)
	ann := n.makeToken("ann@pve", "tk", false)
	sees := func(vmid string) bool { return n.as(ann, "GET", "/nodes/pve/qemu/"+vmid+"/config", "").status == 200 }
	acl := func(path, role string, more string) {
		t.Helper()
		n.ok("PUT", "/access/acl", `{"path":"`+path+`","roles":"`+role+`","users":"ann@pve"`+more+`}`)
	}
	rows := []struct {
		name       string
		do         func()
		vm100, one bool
	}{
		{"nobody gave anything", func() {}, false, false},
		{"a role on /vms/100 reaches that VM alone", func() { acl("/vms/100", "PVEAuditor", "") }, true, false},
		{"a role on /vms reaches every VM", func() { acl("/vms", "PVEAuditor", "") }, true, true},
		{"NoAccess further down takes it away", func() { acl("/vms/101", "NoAccess", "") }, true, false},
		{"removed again", func() { acl("/vms/101", "NoAccess", `,"delete":1`) }, true, true},
		{"without propagation it stays where it is", func() { acl("/vms", "PVEAuditor", `,"propagate":0`) }, true, false},
		{"a role of a pool reaches its members", func() {
			n.ok("POST", "/pools", `{"poolid":"p"}`)
			n.ok("PUT", "/pools", `{"poolid":"p","vms":"101"}`)
			acl("/pool/p", "PVEAuditor", "")
		}, true, true},
	}
	for _, r := range rows {
		r.do()
		if a, b := sees("100"), sees("101"); a != r.vm100 || b != r.one {
			t.Errorf("%s: VM 100 %v, VM 101 %v; want %v, %v", r.name, a, b, r.vm100, r.one)
		}
	}
	if a := n.as(ann, "DELETE", vm100, ""); a.status != 403 || a.Message != "Permission check failed (/vms/100, VM.Allocate)\n" {
		t.Errorf("deleting another's VM: %d %q", a.status, a.Message)
	}
}
