package vms

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

const fast = 0.002

// node is a simulated node, and a driver whose token may do what Privileges lists.
type node struct {
	*pve.Server
	*Driver
	t       testing.TB
	dir     string
	records *store
	wire    *wire // of the last driver that was made
	token   string
	root    *http.Client
	rootCSRF,
	rootTicket string
}

// store keeps records as a daemon's state file does: they outlive a driver.
type store struct {
	mu   sync.Mutex
	all  map[string]Record
	fail error
}

func (m *store) Get(name string) (Record, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, there := m.all[name]
	return r, there, m.fail
}

func (m *store) Put(r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.all[r.Name] = r
	}
	return m.fail
}

func (m *store) Delete(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, name)
	return m.fail
}

func start(t testing.TB, o pve.Options) *node {
	t.Helper()
	n := &node{t: t, records: &store{all: map[string]Record{}}}
	n.open(o)
	n.login()
	n.admin("POST", "/access/users", `{"userid":"waddle@pve"}`)
	n.token = n.newToken()
	n.Driver = n.driver(nil)
	n.image("talos.qcow2", 1)
	return n
}

func (n *node) open(o pve.Options) {
	n.t.Helper()
	if o.Dir == "" {
		o.Dir = n.t.TempDir()
	}
	if o.Timing == (pve.Timing{}) {
		o.Timing = pve.Scaled(fast)
	}
	s, err := pve.Open(context.Background(), o)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Server, n.dir = s, o.Dir
	raw, err := os.ReadFile(s.CAFile())
	if err != nil {
		n.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: s.Node()}}
	n.root = &http.Client{Transport: transport}
	n.t.Cleanup(func() {
		transport.CloseIdleConnections()
		if n.Driver != nil {
			n.Driver.o.API.Close()
		}
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			n.t.Error(err)
		}
	})
}

// driver is a new one on the same records, as after a restart of the daemon.
func (n *node) driver(change func(*Options)) *Driver { return n.reached(nil, change) }

// over is a driver whose client is another one than the node's own.
func (n *node) over(change func(*rest.Options)) *Driver { return n.reached(change, nil) }

func (n *node) reached(client func(*rest.Options), driver func(*Options)) *Driver {
	n.t.Helper()
	n.wire = newWire(n.t)
	c := rest.Options{
		URL: n.Server.URL(), ServerName: "pve", CAFile: n.CAFile(), Timeout: time.Minute, Every: 8 * time.Millisecond, Wrap: n.wire.between,
		Token: func() (string, error) { return n.token, nil },
	}
	if client != nil {
		client(&c)
	}
	o := Options{API: rest.New(c), Node: "pve", Records: n.records, Poll: 8 * time.Millisecond, Retry: time.Millisecond, Unlock: n.unlock}
	if driver != nil {
		driver(&o)
	}
	d, err := New(o)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(o.API.Close)
	return d
}

// unlock is what qm unlock does as root.
func (n *node) unlock(_ context.Context, id int) error {
	n.admin("PUT", fmt.Sprintf("/nodes/pve/qemu/%d/config", id), `{"delete":"lock","skiplock":1}`)
	return nil
}

func (n *node) login() {
	n.t.Helper()
	res, err := n.root.PostForm(n.Server.URL()+"/access/ticket", url.Values{"username": {"root@pam"}, "password": {"root-password"}})
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	var a struct {
		Data struct {
			Ticket string
			CSRF   string `json:"CSRFPreventionToken"`
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.Data.Ticket == "" {
		n.t.Fatalf("no ticket: %v", err)
	}
	n.rootTicket, n.rootCSRF = a.Data.Ticket, a.Data.CSRF
}

// admin is root in the web UI. It fails the test when it is refused, and waits for the
// task.
func (n *node) admin(method, path, body string) json.RawMessage {
	n.t.Helper()
	data, text := n.try(method, path, body)
	if text != "" {
		n.t.Fatalf("root's %s %s: %s", method, path, text)
	}
	return data
}

func (n *node) try(method, path, body string) (data json.RawMessage, failed string) {
	n.t.Helper()
	data, failed = n.ask(method, path, body)
	var upid string
	if json.Unmarshal(data, &upid) != nil || !strings.HasPrefix(upid, "UPID:") {
		return data, failed
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var s struct{ Status, Exitstatus string }
		raw, _ := n.ask("GET", "/nodes/pve/tasks/"+url.PathEscape(upid)+"/status", "")
		if json.Unmarshal(raw, &s); s.Status == "stopped" {
			if s.Exitstatus != "OK" {
				return data, s.Exitstatus
			}
			return data, ""
		}
	}
	n.t.Fatalf("root's task %s does not end", upid)
	return nil, ""
}

func (n *node) ask(method, path, body string) (json.RawMessage, string) {
	n.t.Helper()
	req, err := http.NewRequest(method, n.Server.URL()+path, bytes.NewBufferString(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("CSRFPreventionToken", n.rootCSRF)
	req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: n.rootTicket})
	res, err := n.root.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var a struct {
		Data    json.RawMessage
		Message string
		Errors  map[string]string
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		n.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
	if res.StatusCode != 200 {
		return nil, fmt.Sprint(res.StatusCode, " ", a.Message, a.Errors)
	}
	return a.Data, ""
}

// newToken makes waddle's token, with the privileges that the driver asks for.
func (n *node) newToken() string {
	n.t.Helper()
	n.allow(Privileges())
	var made struct {
		Value string `json:"value"`
	}
	raw := n.admin("POST", "/access/users/waddle@pve/token/daemon", `{"privsep":0}`)
	if err := json.Unmarshal(raw, &made); err != nil {
		n.t.Fatal(err)
	}
	return "waddle@pve!daemon=" + made.Value
}

// allow gives waddle's user exactly these privileges: a role for each path.
func (n *node) allow(privileges []Privilege) {
	n.t.Helper()
	byPath := map[string][]string{"/": nil, "/vms": nil, "/storage": nil, "/sdn/zones": nil}
	for _, p := range privileges {
		byPath[p.Path] = append(byPath[p.Path], p.Name)
	}
	for path, names := range byPath {
		role := "Waddle" + strings.ReplaceAll(strings.TrimSuffix(path, "/"), "/", "-")
		privs, _ := json.Marshal(strings.Join(names, ","))
		if _, failed := n.ask("PUT", "/access/roles/"+role, `{"privs":`+string(privs)+`}`); failed != "" {
			n.admin("POST", "/access/roles", fmt.Sprintf(`{"roleid":%q,"privs":%s}`, role, privs))
		}
		n.admin("PUT", "/access/acl", fmt.Sprintf(`{"path":%q,"roles":%q,"users":"waddle@pve"}`, path, role))
	}
}

// image puts a qcow2 of so many GiB into local's import directory.
func (n *node) image(name string, gib int64) {
	n.t.Helper()
	n.file("import", name, pve.QCOW2(gib<<30))
}

// file puts a file into one of local's directories.
func (n *node) file(dir, name string, content []byte) {
	n.t.Helper()
	dir = filepath.Join(n.dir, "storage", "local", dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// spec is a Talos node of the plan.
func spec(id int) Spec {
	last := id % 100
	return Spec{
		Name: fmt.Sprintf("cp-%d", id), ID: id, Cores: 3, Memory: 8192, Agent: true, Serial: true, OnBoot: true, Tags: []string{"talos"},
		Disks: []Disk{{Storage: "local-zfs", Size: 10, Image: "local:import/talos.qcow2"}},
		NICs:  []NIC{{Bridge: "vmbr1", MAC: fmt.Sprintf("bc:24:11:00:00:%02x", last)}},
		CloudInit: &CloudInit{Storage: "local-zfs", SSHKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample+/key ops@example.org"},
			Addresses: []IP{{Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 10, 0, byte(last)}), 24), Gateway: netip.MustParseAddr("10.10.0.1")}},
			Resolvers: []netip.Addr{netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("8.8.8.8")}},
	}
}

func (n *node) ensure(s Spec) Outcome {
	n.t.Helper()
	out, err := n.Ensure(n.t.Context(), s, Consent{})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// conf is a VM's configuration as it will be, read by root.
func (n *node) conf(id int) settings {
	n.t.Helper()
	var s settings
	if err := json.Unmarshal(n.admin("GET", fmt.Sprintf("/nodes/pve/qemu/%d/config", id), ""), &s); err != nil {
		n.t.Fatal(err)
	}
	return s
}

// left is what exists on the node: VMs and disks, as text.
func (n *node) left() string {
	n.t.Helper()
	var vms []struct {
		VMID int
		Name string
	}
	var disks []struct{ Volid string }
	for path, into := range map[string]any{"/nodes/pve/qemu": &vms, "/nodes/pve/storage/local-zfs/content": &disks} {
		if err := json.Unmarshal(n.admin("GET", path, ""), into); err != nil {
			n.t.Fatal(err)
		}
	}
	var b strings.Builder
	for _, v := range vms {
		fmt.Fprintf(&b, "VM %d %s\n", v.VMID, v.Name)
	}
	for _, v := range disks {
		fmt.Fprintf(&b, "disk %s\n", v.Volid)
	}
	return b.String()
}

// nothingLeft fails the test when the node or the records hold anything.
func (n *node) nothingLeft() {
	n.t.Helper()
	if left := n.left(); left != "" {
		n.t.Errorf("left behind:\n%s", left)
	}
	n.records.mu.Lock()
	defer n.records.mu.Unlock()
	if len(n.records.all) > 0 {
		n.t.Errorf("left in the records: %v", n.records.all)
	}
}

// inject makes something go wrong.
func (n *node) inject(f pve.Fault) {
	n.t.Helper()
	if _, err := n.Inject(f); err != nil {
		n.t.Fatal(err)
	}
}
