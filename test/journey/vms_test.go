package journey

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/upstream"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/pkg/vms/access"
)

// throughVMs is the phase up to which the VMs are made.
const throughVMs = client.PhaseNumber(4)

// vmDocument is the example with the image that the lab's internet has.
func vmDocument(t *testing.T) string {
	t.Helper()
	return strings.Replace(string(read(t, example)), "  teleport:\n", fmt.Sprintf("  teleport:\n    image:\n      url: %s\n      sha512: %s\n", upstream.DebianURL(), upstream.DebianSHA512()), 1)
}

// setVMPlatform gives the daemon that document, with edits: what is there and what is to be.
func (h *host) setVMPlatform(edits ...string) {
	h.t.Helper()
	text := vmDocument(h.t)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			h.t.Fatalf("the document has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	h.setPlatform([]byte(text))
}

// strangersVM makes a VM by hand.
func (h *host) strangersVM(id int, name string) {
	h.t.Helper()
	h.pve("POST", "/nodes/pve/qemu", "vmid", fmt.Sprint(id), "name", name, "memory", "512", "scsi0", "local-zfs:10", "net0", "virtio,bridge=vmbr0")
}

// pve calls the simulated Proxmox as root, as somebody does by hand, and waits for the task
// that the call starts.
func (h *host) pve(method, path string, pairs ...string) json.RawMessage {
	h.t.Helper()
	raw := h.pveStart(method, path, pairs...)
	if !h.pveEnded(raw, method+" "+path) {
		return raw
	}
	return nil
}

// pveStart is pve without waiting.
func (h *host) pveStart(method, path string, pairs ...string) json.RawMessage {
	h.t.Helper()
	params := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		params.Set(pairs[i], pairs[i+1])
	}
	raw, err := h.Proxmox(h.t.Context(), method, path, params)
	if err != nil {
		h.t.Fatal(err)
	}
	return raw
}

// pveEnded waits for the task that a call has started, and tells whether it has.
func (h *host) pveEnded(raw json.RawMessage, call string) bool {
	h.t.Helper()
	var upid string
	if json.Unmarshal(raw, &upid) != nil || !strings.HasPrefix(upid, "UPID:") {
		return false
	}
	for {
		raw, err := h.Proxmox(h.t.Context(), "GET", "/nodes/pve/tasks/"+url.PathEscape(upid)+"/status", nil)
		if err != nil {
			h.t.Fatal(err)
		}
		var st struct{ Status, ExitStatus string }
		if err := json.Unmarshal(raw, &st); err != nil {
			h.t.Fatal(err)
		}
		if st.Status == "stopped" {
			if st.ExitStatus != "OK" {
				h.t.Fatalf("%s ended with %q", call, st.ExitStatus)
			}
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// config is a VM's settings in the simulator.
func (h *host) config(id int) map[string]string {
	h.t.Helper()
	all := map[string]any{}
	if err := json.Unmarshal(h.pve("GET", fmt.Sprintf("/nodes/pve/qemu/%d/config", id)), &all); err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range all {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// giveAccess makes what `waddled setup proxmox` makes: a role with the privileges that the
// drivers' calls need, a user, and a token in its file.
func (h *host) giveAccess() {
	h.t.Helper()
	h.pve("POST", "/access/users", "userid", "waddle@pve")
	var token struct{ Value string }
	if err := json.Unmarshal(h.pve("POST", "/access/users/waddle@pve/token/waddled", "privsep", "0"), &token); err != nil {
		h.t.Fatal(err)
	}
	for n, grant := range proxmox.Grants() {
		role := fmt.Sprintf("waddle%d", n)
		h.pve("POST", "/access/roles", "roleid", role, "privs", strings.Join(grant.Privileges, ","))
		h.pve("PUT", "/access/acl", "path", grant.Path, "roles", role, "users", "waddle@pve", "propagate", "1")
	}
	h.run("mkdir -p /etc/waddle")
	if err := h.Host.WriteFile(access.DefaultTokenFile, []byte("waddle@pve!waddled="+token.Value+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// applyVMs applies all up to the VMs. Gates in between wait and hold up nothing of it.
func (h *host) applyVMs() *client.Operation {
	h.t.Helper()
	through := throughVMs
	answer, err := h.api.PostApplyWithResponse(h.t.Context(), nil, client.ApplyRequest{Through: &through})
	for end := time.Now().Add(3 * time.Minute); isRunning(err) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // the reconciler was faster
		answer, err = h.api.PostApplyWithResponse(h.t.Context(), nil, client.ApplyRequest{Through: &through})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	op := answer.JSON202
	if op == nil {
		op = answer.JSON200
	}
	return h.ended(op.ID)
}

// isRunning reports whether a call was refused because another operation runs.
func isRunning(err error) bool {
	p, ok := client.AsProblem(err)
	return ok && p.Code == "operation_running"
}

// vmSteps are the steps of this file's subject in a plan of phases 0 to 4.
func (h *host) vmSteps() map[string]client.PlanStep {
	h.t.Helper()
	through := throughVMs
	answer, err := h.api.GetPlanWithResponse(h.t.Context(), &client.GetPlanParams{Through: &through})
	if err != nil {
		h.t.Fatal(err)
	}
	steps := map[string]client.PlanStep{}
	for _, s := range answer.JSON200.Steps {
		switch s.ID {
		case "proxmox.access", "teleport.image", "teleport.vm", "talos.schematic", "talos.image", "talos.vms":
			steps[s.ID] = s
		}
	}
	if len(steps) != 6 {
		h.t.Fatalf("the plan has %d of the six steps: %v", len(steps), steps)
	}
	return steps
}

// settledVMs demands that the plan wants nothing of the VMs.
func (h *host) settledVMs(when string) {
	h.t.Helper()
	for id, s := range h.vmSteps() {
		if s.Result.State != client.CheckStateDone || s.Error != nil {
			h.t.Errorf("%s: step %s is %s: %s %+v %+v", when, id, s.Result.State, s.Result.Reason, s.Result.Differences, s.Error)
		}
	}
}

func TestAnApplyMakesTheFourVMsOfThePlan(t *testing.T) {
	h := newHost(t, lab.Options{Name: "vms"})
	h.start()
	h.setVMPlatform()
	for id, s := range h.vmSteps() {
		if s.Result.State != client.CheckStateUnknown {
			t.Errorf("without a token step %s is %s", id, s.Result.State)
		}
	}
	if reason := h.vmSteps()["proxmox.access"].Result.Reason; !strings.Contains(reason, "waddled setup proxmox") {
		t.Errorf("without a token the gate says %q", reason)
	}
	h.giveAccess()
	began := time.Now()
	op := h.applyVMs()
	fmt.Printf("vms: four VMs, their images included, in %s\n", time.Since(began).Round(time.Millisecond))
	for _, s := range op.Steps {
		if strings.HasSuffix(s.ID, ".vm") || strings.HasSuffix(s.ID, ".vms") || strings.HasSuffix(s.ID, ".image") || s.ID == "talos.schematic" {
			if s.State != client.StepStateChanged {
				t.Errorf("step %s is %s: %+v", s.ID, s.State, s.Error)
			}
		}
	}
	h.settledVMs("right after")
	want := map[int]map[string]string{
		102: {"name": "teleport", "cores": "2", "memory": "2048", "boot": "order=scsi0", "scsihw": "virtio-scsi-single", "tags": "teleport;waddle", "onboot": "1",
			"net0": "virtio=52:54:00:AB:CD:EF,bridge=vmbr0", "net1": "bridge=vmbr1", "scsi0": "size=20G", "agent": "1", "serial0": "socket"},
	}
	for i := range 3 {
		want[110+i] = map[string]string{"name": fmt.Sprintf("waddle-cp-%d", i+1), "cores": "3", "memory": "8192", "boot": "order=scsi0", "tags": "talos;waddle",
			"scsi0": "size=10G", "net0": "bridge=vmbr1", "ipconfig0": fmt.Sprintf("gw=10.10.0.1,ip=10.10.0.%d/24", 10+i), "nameserver": "1.1.1.1 1.0.0.1", "cpu": "host", "machine": "q35"}
	}
	for id, options := range want {
		is := h.config(id)
		for key, value := range options {
			if !strings.Contains(is[key], value) {
				t.Errorf("VM %d has %s: %q, want %q", id, key, is[key], value)
			}
		}
		if _, more := is["net2"]; more || id != 102 && is["net1"] != "" {
			t.Errorf("VM %d has more cards than the plan: %v", id, is)
		}
	}
	h.reachesTheInternet("waddle-cp-1", "10.10.0.10", lab.HostAddr)
	h.reachesTheInternet("waddle-cp-2", "10.10.0.11", lab.HostAddr)
	h.reachesTheInternet("waddle-cp-3", "10.10.0.12", lab.HostAddr)
	h.reachesTheInternet("teleport", "10.10.0.2", netip.MustParseAddr("203.0.113.20"))
	before := h.vmsNow()
	h.applyVMs()
	if diff := cmp.Diff(before, h.vmsNow()); diff != "" {
		t.Errorf("a second apply changed the VMs (-first +second):\n%s", diff)
	}
	h.keepsTheQuorum()
	h.phaseUndone(4)
	h.phaseUndone(2)
	if left := h.vmsNow(); left != "" {
		t.Errorf("the undo left VMs:\n%s", left)
	}
	if left := h.run("ls /var/lib/vz/snippets /var/lib/vz/import /var/lib/waddle/images 2>/dev/null | grep -v : || :"); strings.TrimSpace(left) != "" {
		t.Errorf("the undo left files: %s", left)
	}
}

// reachesTheInternet loads a page in the VM, and demands that the server saw the address.
func (h *host) reachesTheInternet(vm, inside string, saw netip.Addr) {
	h.t.Helper()
	node := h.VM(vm)
	if node == nil {
		h.t.Errorf("the VM %s does not run", vm)
		return
	}
	if out, err := node.Run(h.t.Context(), "ip", "-4", "-o", "addr"); err != nil || !strings.Contains(out, " "+inside+"/24 ") {
		h.t.Errorf("%s does not hold %s: %s %v", vm, inside, out, err)
	}
	resp, err := node.HTTPClient().Get("http://" + lab.WebName + "/?from=" + vm)
	if err != nil {
		h.t.Errorf("%s does not reach the internet: %v", vm, err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	seen, err := h.Requests(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range seen {
		if strings.HasSuffix(r.URL, "from="+vm) {
			if r.Source.Addr() != saw {
				h.t.Errorf("%s reached the internet as %s, want %s", vm, r.Source.Addr(), saw)
			}
			return
		}
	}
	h.t.Errorf("the server has not seen %s", vm)
}

// vmsNow is what the simulator has of VMs, as text: their settings and what runs.
func (h *host) vmsNow() string {
	h.t.Helper()
	var list []struct {
		VMID         int
		Name, Status string
	}
	if err := json.Unmarshal(h.pve("GET", "/nodes/pve/qemu"), &list); err != nil {
		h.t.Fatal(err)
	}
	lines := map[int]string{}
	for _, v := range list {
		c := h.config(v.VMID)
		delete(c, "digest")
		lines[v.VMID] = fmt.Sprintf("%d %s %s %v\n", v.VMID, v.Name, v.Status, c)
	}
	var b strings.Builder
	for id := range 1000 {
		b.WriteString(lines[id])
	}
	return b.String()
}

// keepsTheQuorum demands that nobody takes a node away once there is an etcd, by no way,
// and that the Teleport VM is no member of it.
func (h *host) keepsTheQuorum() {
	h.t.Helper()
	root, before := h.overSocket(), h.vmsNow()
	for _, gate := range []string{"talos.configs", "talos.apply", "talos.bootstrap"} {
		h.acknowledge(root, "4 "+gate)
	}
	const why = "etcd has a member on this node"
	for call, body := range map[string]string{
		"DELETE /v1/vms/waddle-cp-2?confirm=waddle-cp-2&wait=2m": "",
		"POST /v1/vms/waddle-cp-2/recreate?wait=2m":              `{"confirm":"waddle-cp-2"}`,
	} {
		method, path, _ := strings.Cut(call, " ")
		if p := root.do(method, path, body).problem(409, "conflict"); !strings.Contains(p.Detail, why) {
			h.t.Errorf("%s is refused with %q", call, p.Detail)
		}
	}
	if op := root.do("POST", "/v1/phases/4/undo?wait=2m", "").want(200).operation(); op.State != client.OperationStateFailed {
		h.t.Errorf("the undo of phase 4 ended %s", op.State)
	}
	if diff := cmp.Diff(before, h.vmsNow()); diff != "" {
		h.t.Errorf("refused calls changed the VMs (-before +after):\n%s", diff)
	}
	root.do("DELETE", "/v1/phases/4/steps/talos.bootstrap/acknowledge", "").want(204)
}

// phaseUndone takes a phase back.
func (h *host) phaseUndone(phase client.PhaseNumber) {
	h.t.Helper()
	h.undo(phase)
}
