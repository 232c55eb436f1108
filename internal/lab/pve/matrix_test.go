package pve_test

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

// TestEveryTaskFailsWhereItIsToldTo goes through the steps of the tasks that a manager of VMs starts:
// the task fails with the fault's text, and the same call made again succeeds.
func TestEveryTaskFailsWhereItIsToldTo(t *testing.T) {
	n := start(t, options(t))
	n.create(100, nil)
	rows := []struct{ task, method, path, body string }{
		{"qmconfig", "POST", vm100 + "/config", `{"scsi1":"local-zfs:0,import-from=local:import/talos.qcow2"}`},
		{"resize", "PUT", vm100 + "/resize", `{"disk":"scsi0","size":"+1G"}`},
		{"qmclone", "POST", vm100 + "/clone", `{"newid":101}`},
		{"qmstart", "POST", vm100 + "/status/start", ""},
		{"qmsuspend", "POST", vm100 + "/status/suspend", ""},
		{"qmresume", "POST", vm100 + "/status/resume", ""},
		{"qmreset", "POST", vm100 + "/status/reset", ""},
		{"qmsnapshot", "POST", vm100 + "/snapshot", `{"snapname":"s1","vmstate":1}`},
		{"qmreboot", "POST", vm100 + "/status/reboot", ""},
		{"qmshutdown", "POST", vm100 + "/status/shutdown", ""},
		{"qmrollback", "POST", vm100 + "/snapshot/s1/rollback", ""},
		{"qmstop", "POST", vm100 + "/status/stop", ""},
		{"qmdelsnapshot", "DELETE", vm100 + "/snapshot/s1", ""},
		{"qmtemplate", "POST", "/nodes/pve/qemu/101/template", "{}"},
		{"qmdestroy", "DELETE", vm100, ""},
		{"imgdel", "DELETE", "/nodes/pve/storage/local/content/local:import/talos.qcow2", ""},
	}
	cells := 0
	for _, r := range rows {
		for _, step := range pve.Steps()[r.task] {
			if step == "end" { // the work is done by then: doing it again is another case
				continue
			}
			cells++
			if _, err := n.Inject(pve.Fault{Kind: pve.FaultTask, Task: r.task, Step: step, Times: 1, Text: "broken at " + step}); err != nil {
				t.Fatal(err)
			}
			if exit := n.task(n.call(r.method, r.path, r.body)); !strings.HasSuffix(exit, "broken at "+step) {
				t.Errorf("%s at %s: %s", r.task, step, exit)
			}
			n.settle(r.task)
		}
		if exit := n.task(n.call(r.method, r.path, r.body)); exit != "OK" {
			t.Errorf("%s after its faults: %s", r.task, exit)
		}
	}
	if left := n.volumes("local-zfs"); len(left) != 3 {
		t.Errorf("left are %v, want the template's two disks and its cloud-init drive", left)
	}
	t.Logf("%d tasks, %d faults", len(rows), cells)
}

// settle starts the VM again where a fault left it off and the row's call needs it to run.
func (n *node) settle(task string) {
	n.t.Helper()
	if n.call("GET", vm100+"/status/current", "").object()["status"] == "stopped" && (task == "qmreboot" || task == "qmshutdown" || task == "qmreset") {
		n.done(n.call("POST", vm100+"/status/start", ""))
	}
}
