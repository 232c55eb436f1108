package pve_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func TestEveryReadingCallIsAnswered(t *testing.T) {
	n := start(t, options(t))
	n.create(100, nil)
	n.done(n.call("POST", vm100+"/status/start", ""))
	made := n.call("POST", vm100+"/snapshot", `{"snapname":"s1"}`)
	n.done(made)
	n.ok("POST", "/pools", `{"poolid":"p1"}`)
	await(t, "the agent", func() bool { return n.call("POST", vm100+"/agent/ping", "").status == 200 })
	n.ok("POST", vm100+"/agent/file-write", `{"file":"/f","content":"x"}`)
	pid := n.ok("POST", vm100+"/agent/exec", `{"command":["true"]}`).object()["pid"]
	fill := strings.NewReplacer("{node}", "pve", "{vmid}", "100", "{storage}", "local-zfs", "{volume}", "local-zfs:vm-100-disk-0", "{upid}", made.text(),
		"{snapname}", "s1", "{userid}", "root@pam", "{tokenid}", "test", "{roleid}", "PVEAdmin", "{poolid}", "p1")
	query := map[string]string{"dump": "?type=user", "feature": "?feature=snapshot", "exec-status": "?pid=" + schema.Text(pid), "file-read": "?file=/f"}
	count := 0
	for _, e := range schema.Endpoints() {
		last := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
		if e.Method != "GET" || last == "query-url-metadata" {
			continue
		}
		count++
		if a := n.call("GET", fill.Replace(e.Path)+query[last], ""); a.status != 200 {
			t.Errorf("%s: %d %s%v", e.Key(), a.status, a.Message, a.Errors)
		}
	}
	t.Logf("%d calls", count)
}

func TestFormsAreReadAsJSONIs(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 1)
	form := func(path string, v url.Values) answer {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", n.URL()+path, strings.NewReader(v.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", n.token)
		return n.do(req)
	}
	n.done(form("/nodes/pve/qemu", url.Values{"vmid": {"100"}, "cores": {"2"}, "agent": {"1"}, "scsi0": {"local-zfs:1"}}))
	if a := form("/nodes/pve/qemu", url.Values{"vmid": {"101"}, "cores": {"0"}, "x": {"1"}}); a.status != 400 || len(a.Errors) != 2 {
		t.Errorf("two wrong parameters: %d %v", a.status, a.Errors)
	}
	if a := form("/nodes/pve/qemu", url.Values{"vmid": {"101"}, "cores": {"1", "2"}}); a.status != 400 || a.Errors["cores"] == "" {
		t.Errorf("a parameter twice: %d %v", a.status, a.Errors)
	}
	n.done(n.call("POST", vm100+"/status/start", ""))
	await(t, "the agent", func() bool { return n.call("POST", vm100+"/agent/ping", "").status == 200 })
	for _, command := range [][]string{{"echo", "a", "b"}, {"hostname"}} {
		if a := form(vm100+"/agent/exec", url.Values{"command": command}); a.status != 200 {
			t.Errorf("exec %v: %d %s%v", command, a.status, a.Message, a.Errors)
		}
	}
}
