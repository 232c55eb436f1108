package pve_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/pve"
)

func TestMain(m *testing.M) {
	lab.ServeIfAsked()
	goleak.VerifyTestMain(m)
}

const fast = 0.002

// node is a simulated node and somebody who talks to it.
type node struct {
	*pve.Server
	t     *testing.T
	dir   string
	http  *http.Client
	token string // Authorization
}

func start(t *testing.T, o pve.Options) *node {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Timing == (pve.Timing{}) {
		o.Timing = pve.Scaled(fast)
	}
	s, err := pve.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Server: s, t: t, dir: o.Dir, http: client(t, s)}
	t.Cleanup(func() {
		n.http.CloseIdleConnections()
		if steps := pve.Unlisted(s); len(steps) > 0 {
			t.Errorf("tasks made steps that pve.Steps does not list: %v", steps)
		}
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	})
	n.token = n.makeToken("root@pam", "test", false)
	return n
}

func client(t *testing.T, s *pve.Server) *http.Client {
	t.Helper()
	ca, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: s.Node()}}, Timeout: 2 * time.Minute}
}

// answer is what a call said.
type answer struct {
	status  int
	reason  string
	Data    json.RawMessage
	Message string
	Errors  map[string]string
}

func (n *node) do(req *http.Request) answer {
	n.t.Helper()
	res, err := n.http.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, reason: strings.TrimPrefix(res.Status, fmt.Sprint(res.StatusCode, " "))}
	raw, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	if err != nil {
		n.t.Fatalf("%s %s: %v: %s", req.Method, req.URL, err, raw)
	}
	return a
}

// call sends one request as JSON with the node's token. body may be "".
func (n *node) call(method, path, body string) answer {
	n.t.Helper()
	return n.as(n.token, method, path, body)
}

func (n *node) as(token, method, path, body string) answer {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.URL()+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	return n.do(req)
}

// ok is call, and fails the test when it is refused.
func (n *node) ok(method, path, body string) answer {
	n.t.Helper()
	a := n.call(method, path, body)
	if a.status != 200 {
		n.t.Fatalf("%s %s %s: %d %s%v", method, path, body, a.status, a.Message, a.Errors)
	}
	return a
}

func (a answer) text() string {
	var s string
	_ = json.Unmarshal(a.Data, &s)
	return s
}

func (a answer) object() map[string]any {
	var m map[string]any
	_ = json.Unmarshal(a.Data, &m)
	return m
}

// task waits for a task and returns its exit status.
func (n *node) task(a answer) string {
	n.t.Helper()
	if a.status != 200 {
		n.t.Fatalf("no task: %d %s%v", a.status, a.Message, a.Errors)
	}
	path := "/nodes/pve/tasks/" + a.text() + "/status"
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
		if m := n.ok("GET", path, "").object(); m["status"] == "stopped" {
			return m["exitstatus"].(string)
		}
	}
	n.t.Fatalf("task %s did not end within two minutes", a.text())
	return ""
}

func (n *node) done(a answer) {
	n.t.Helper()
	if exit := n.task(a); exit != "OK" {
		n.t.Fatalf("task %s: %s", a.text(), exit)
	}
}

// login gets a ticket and returns the headers that go with it.
func (n *node) login(user, password string) (cookie, csrf string, a answer) {
	n.t.Helper()
	form := url.Values{"username": {user}, "password": {password}}
	req, _ := http.NewRequestWithContext(n.t.Context(), "POST", n.URL()+"/access/ticket", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a = n.do(req)
	m := a.object()
	cookie, _ = m["ticket"].(string)
	csrf, _ = m["CSRFPreventionToken"].(string)
	return cookie, csrf, a
}

// makeToken makes an API token as root with a ticket, and returns the Authorization header.
func (n *node) makeToken(user, id string, privsep bool) string {
	n.t.Helper()
	cookie, csrf, _ := n.login("root@pam", "root-password")
	path := "/access/users/" + user + "/token/" + id
	for _, method := range []string{"DELETE", "POST"} {
		body := ""
		if method == "POST" {
			body = fmt.Sprintf(`{"privsep":%t}`, privsep)
		}
		req, _ := http.NewRequestWithContext(n.t.Context(), method, n.URL()+path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("CSRFPreventionToken", csrf)
		req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: cookie})
		a := n.do(req)
		if method == "POST" {
			if a.status != 200 {
				n.t.Fatalf("no token: %s%v", a.Message, a.Errors)
			}
			return "PVEAPIToken=" + user + "!" + id + "=" + a.object()["value"].(string)
		}
	}
	return ""
}

// image puts a qcow2 of so many GiB into local's import directory.
func (n *node) image(name string, gib int64) {
	n.t.Helper()
	dir := filepath.Join(n.dir, "storage", "local", "import")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), pve.QCOW2(gib<<30), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// library is the client library that pkg/vms is written on.
func (n *node) library() *proxmox.Client {
	id, secret, _ := strings.Cut(strings.TrimPrefix(n.token, "PVEAPIToken="), "=")
	return proxmox.NewClient(n.URL(), proxmox.WithHTTPClient(n.http), proxmox.WithAPIToken(id, secret))
}

// volumes lists the disks of a storage.
func (n *node) volumes(storage string) map[string]bool {
	n.t.Helper()
	var list []struct{ Volid string }
	if err := json.Unmarshal(n.ok("GET", "/nodes/pve/storage/"+storage+"/content", "").Data, &list); err != nil {
		n.t.Fatal(err)
	}
	all := map[string]bool{}
	for _, v := range list {
		all[v.Volid] = true
	}
	return all
}

const vm100 = "/nodes/pve/qemu/100"

// body is a create request: a Talos VM with what the test adds or, with nil, takes out.
func body(vmid int, change map[string]any) string {
	m := map[string]any{
		"vmid": vmid, "name": fmt.Sprintf("talos-%d", vmid), "cores": 2, "memory": 2048, "balloon": 0, "ostype": "l26", "cpu": "host", "machine": "q35",
		"scsihw": "virtio-scsi-single", "agent": "1", "serial0": "socket", "tags": "waddle;talos", "onboot": 1,
		"scsi0": "local-zfs:0,import-from=local:import/talos.qcow2,discard=on,iothread=1,ssd=1",
		"ide2":  "local-zfs:cloudinit", "net0": "virtio=BC:24:11:00:00:10,bridge=vmbr1", "ipconfig0": "ip=10.10.0.10/24,gw=10.10.0.1",
	}
	maps.Copy(m, change)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	raw, _ := json.Marshal(m)
	return string(raw)
}

func (n *node) create(vmid int, change map[string]any) {
	n.t.Helper()
	n.image("talos.qcow2", 1)
	n.done(n.call("POST", "/nodes/pve/qemu", body(vmid, change)))
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(3 * time.Millisecond) {
		if there() {
			return
		}
	}
	t.Fatalf("%s did not come about within a minute", what)
}

// ticket sends a request without a body as the user of a ticket.
func (n *node) ticket(cookie, csrf, method, path string) answer {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.URL()+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("CSRFPreventionToken", csrf)
	req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: cookie})
	return n.do(req)
}
