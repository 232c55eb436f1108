package journey

import (
	"strings"

	"github.com/waddle-social/waddle/client"
)

// vmCalls are all calls of VMs and images, with what they need.
var vmCalls = []struct{ call, body string }{
	{"GET /v1/vms", ""},
	{"GET /v1/vms/teleport", ""},
	{"GET /v1/vms/teleport/adoption", ""},
	{"GET /v1/images", ""},
	{"POST /v1/vms/teleport/power", `{"action":"start"}`},
	{"POST /v1/vms/teleport/recreate", `{"confirm":"teleport"}`},
	{"POST /v1/vms/teleport/adoption", `{"digest":"abc"}`},
	{"POST /v1/vms/teleport/snapshots", `{"name":"daily"}`},
	{"POST /v1/vms/teleport/snapshots/daily/rollback", ""},
	{"DELETE /v1/vms/teleport/snapshots/daily", ""},
	{"DELETE /v1/vms/teleport?confirm=teleport", ""},
	{"POST /v1/images/debian/pull", ""},
	{"POST /v1/images/prune", ""},
}

func (x *exchanges) everyVMCall(status int, code string) {
	x.t.Helper()
	for _, c := range vmCalls {
		method, path, _ := strings.Cut(c.call, " ")
		x.root.do(method, path, c.body).problem(status, code)
	}
}

// both makes a call that starts an operation twice: once it waits, once it does not.
func (x *exchanges) both(method, path, body string) {
	x.t.Helper()
	op := x.root.do(method, path, body).want(202).operation()
	x.finished(op.ID)
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	if op := x.root.do(method, path+sep+"wait=2m", body).want(200).operation(); op.State != client.OperationStateDone {
		x.t.Errorf("%s %s ended %s: %+v", method, path, op.State, op.Error)
	}
}

// finished waits for an operation that has to succeed.
func (x *exchanges) finished(id string) {
	x.t.Helper()
	op, err := x.api.Wait(x.t.Context(), id)
	if err != nil {
		x.t.Fatal(err)
	}
	if op.State != client.OperationStateDone {
		x.t.Fatalf("operation %s (%+v) ended %s: %+v", id, op.Action, op.State, op.Error)
	}
}

// machines makes the Teleport VM and does everything with it, and takes one over that others made.
func (x *exchanges) machines() {
	c := x.root
	x.giveAccess()
	for id, name := range map[int]string{111: "waddle-cp-2", 112: "waddle-cp-3"} {
		x.strangersVM(id, name)
	}
	x.both("POST", "/v1/images/talos/pull", "")
	x.both("POST", "/v1/images/debian/pull", "")
	c.do("POST", "/v1/images/moon/pull", "").problem(404, "not_found")
	x.both("POST", "/v1/images/prune", `{"all":true}`)
	c.do("POST", "/v1/images/prune", `{"forget":"moon.qcow2"}`).problem(404, "not_found")
	c.do("POST", "/v1/phases/2/run?wait=2m", "").want(200)
	for _, path := range []string{"/v1/vms", "/v1/vms/teleport", "/v1/images"} {
		c.do("GET", path, "").want(200)
	}
	for _, action := range []string{"stop", "start", "reboot", "shutdown", "start"} {
		x.both("POST", "/v1/vms/teleport/power", `{"action":"`+action+`"}`)
	}
	x.finished(c.do("POST", "/v1/vms/teleport/snapshots", `{"name":"daily"}`).want(202).operation().ID)
	c.do("POST", "/v1/vms/teleport/snapshots", `{"name":"daily"}`).problem(409, "conflict") // it would be an old one
	c.do("DELETE", "/v1/vms/teleport/snapshots/daily?wait=2m", "").want(200)
	c.do("POST", "/v1/vms/teleport/snapshots?wait=2m", `{"name":"daily"}`).want(200)
	x.both("POST", "/v1/vms/teleport/snapshots/daily/rollback", `{"start":true}`)
	x.both("DELETE", "/v1/vms/teleport/snapshots/daily", "")
	x.both("POST", "/v1/vms/teleport/recreate", `{"confirm":"teleport"}`)
	var detail client.VMDetail
	c.do("GET", "/v1/vms/teleport", "").want(200).decode(&detail)
	if len(detail.Differences) > 0 || detail.VM.State != client.VMStateRunning || !detail.VM.Ours || !strings.HasPrefix(detail.Console, "https://") {
		x.t.Errorf("the VM that was made anew is %+v", detail)
	}
	for _, call := range []string{"GET /v1/vms/nothing", "GET /v1/vms/nothing/adoption", "POST /v1/vms/nothing/snapshots", "DELETE /v1/vms/nothing?confirm=nothing"} {
		method, path, _ := strings.Cut(call, " ")
		body := ""
		if method == "POST" {
			body = `{"name":"daily"}`
		}
		c.do(method, path, body).problem(404, "not_found")
	}
	c.do("POST", "/v1/vms/waddle-cp-3/power", `{"action":"start"}`).problem(404, "not_found") // others' yet
	var shown client.VMAdoption
	c.do("GET", "/v1/vms/waddle-cp-3/adoption", "").want(200).decode(&shown)
	c.do("GET", "/v1/vms/teleport/adoption", "").problem(409, "conflict") // it is waddle's
	x.both("POST", "/v1/vms/waddle-cp-3/adoption", `{"digest":"`+shown.Digest+`"}`)
	x.finished(c.do("DELETE", "/v1/vms/waddle-cp-3?confirm=waddle-cp-3", "").want(202).operation().ID)
	c.do("DELETE", "/v1/vms/waddle-cp-3?confirm=waddle-cp-3", "").problem(404, "not_found")
	x.both("POST", "/v1/vms/waddle-cp-3/recreate", `{"confirm":"waddle-cp-3"}`)
	c.do("DELETE", "/v1/vms/waddle-cp-3?confirm=waddle-cp-3&wait=2m", "").want(200)
}

// callOverTLS is a call and the least scope that it needs.
type callOverTLS struct{ call, body, scope string }

// vmCallsOverTLS are the calls of VMs in an order in which each succeeds.
func (x *exchanges) vmCallsOverTLS() []callOverTLS {
	var shown client.VMAdoption
	x.root.do("GET", "/v1/vms/waddle-cp-2/adoption", "").want(200).decode(&shown)
	return []callOverTLS{
		{"GET /v1/vms", "", "read"},
		{"GET /v1/vms/teleport", "", "read"},
		{"GET /v1/vms/waddle-cp-2/adoption", "", "read"},
		{"GET /v1/images", "", "read"},
		{"POST /v1/vms/waddle-cp-2/adoption?wait=2m", `{"digest":"` + shown.Digest + `"}`, "operate"},
		{"POST /v1/vms/teleport/power?wait=2m", `{"action":"reboot"}`, "operate"},
		{"POST /v1/vms/teleport/snapshots?wait=2m", `{"name":"daily"}`, "operate"},
		{"POST /v1/vms/teleport/snapshots/daily/rollback?wait=2m", `{"start":true}`, "admin"},
		{"DELETE /v1/vms/teleport/snapshots/daily?wait=2m", "", "admin"},
		{"POST /v1/vms/teleport/recreate?wait=2m", `{"confirm":"teleport"}`, "admin"},
		{"DELETE /v1/vms/waddle-cp-2?confirm=waddle-cp-2&wait=2m", "", "admin"},
		{"POST /v1/images/debian/pull?wait=2m", "", "operate"},
		{"POST /v1/images/prune?wait=2m", "", "operate"},
	}
}
