package machines

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/lab/upstream"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/pkg/vms"
)

const (
	teleport   = "teleport"
	teleportID = 102
	node       = "waddle-cp-1"
	nodeID     = 110
)

// bench is the service on a simulated node whose tasks take no time, with the example
// platform and an internet that has its images.
type bench struct {
	*Service
	t          *testing.T
	pve        *pve.Server
	p          *platform.Platform
	etcd       bool   // the gate after which there is one
	bridges    string // that the host has; empty: all
	seam       func(op string) error
	root       *http.Client
	csrf, auth string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, seam: func(string) error { return nil }}
	dir := t.TempDir()
	internet := b.internet()
	s, err := pve.Open(t.Context(), pve.Options{Dir: filepath.Join(dir, "pve"), Timing: pve.Scaled(0.001), HTTP: internet})
	b.must(err)
	t.Cleanup(func() { b.must(s.Close()) })
	b.pve = s
	b.login()
	var token struct{ Value string }
	b.must(json.Unmarshal(b.byHand("POST", "/access/users/root@pam/token/waddled", "privsep", "0"), &token))
	b.must(os.WriteFile(filepath.Join(dir, "token"), []byte("root@pam!waddled="+token.Value+"\n"), 0o600))
	b.must(os.WriteFile(filepath.Join(dir, "storage.cfg"), []byte("dir: local\n\tpath "+filepath.Join(dir, "pve/storage/local")+"\n\tcontent snippets,import\n"), 0o600))
	b.platform()
	db, err := state.Open(filepath.Join(dir, "state"), state.Options{})
	b.must(err)
	t.Cleanup(func() { b.must(db.Close()) })
	b.Service = New(Options{
		State: db, Dir: filepath.Join(dir, "downloads"), URL: s.URL(), CAFile: s.CAFile(), TokenFile: filepath.Join(dir, "token"),
		StorageCfg: filepath.Join(dir, "storage.cfg"), HTTP: internet, HasBridge: func(name string) (bool, error) { return b.bridges == "" || strings.Contains(b.bridges, name), nil },
		Platform: func() (*platform.Platform, string, error) { return b.p, "r1", nil },
		Seam:     func(op string) error { return b.seam(op) },
		Poll:     4 * time.Millisecond,
		Quorum:   Gates{Passed: func(step string) bool { return b.etcd && step == bootstrapStep }},
	})
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// internet has the Image Factory and Debian's images, under their own names.
func (b *bench) internet() *http.Client {
	factory, debian := upstream.Factory(), upstream.Debian()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == upstream.DebianHost {
			debian.ServeHTTP(w, r)
			return
		}
		factory.ServeHTTP(w, r)
	}))
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		},
	}
	b.t.Cleanup(func() { t.CloseIdleConnections(); s.Close() })
	return &http.Client{Transport: t}
}

// platform is the example with Debian's image of the test's internet, and edits.
func (b *bench) platform(edits ...string) {
	b.t.Helper()
	raw, err := os.ReadFile("../../examples/waddle-social.yaml")
	b.must(err)
	edits = append(edits, "  teleport:\n", fmt.Sprintf("  teleport:\n    image:\n      url: %s\n      sha512: %s\n", upstream.DebianURL(), upstream.DebianSHA512()))
	text := string(raw)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			b.t.Fatalf("the example has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	b.p, err = platform.Parse("example", []byte(text))
	b.must(err)
}

func (b *bench) login() {
	raw, err := os.ReadFile(b.pve.CAFile())
	b.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: b.pve.Node()}}
	b.t.Cleanup(t.CloseIdleConnections)
	b.root = &http.Client{Transport: t}
	var ticket struct{ Ticket, CSRFPreventionToken string }
	b.must(json.Unmarshal(b.byHand("POST", "/access/ticket", "username", "root@pam", "password", "root-password"), &ticket))
	b.auth, b.csrf = ticket.Ticket, ticket.CSRFPreventionToken
}

// byHand is somebody in Proxmox's web interface, who waits for the task.
func (b *bench) byHand(method, path string, pairs ...string) json.RawMessage {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, b.pve.URL()+path, strings.NewReader(form.Encode()))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("CSRFPreventionToken", b.csrf)
	req.AddCookie(&http.Cookie{Name: "PVEAuthCookie", Value: b.auth})
	res, err := b.root.Do(req)
	b.must(err)
	defer res.Body.Close()
	var answer struct {
		Data    json.RawMessage
		Message string
		Errors  map[string]string
	}
	b.must(json.NewDecoder(res.Body).Decode(&answer))
	if res.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s by hand: %s %s %v", method, path, res.Status, answer.Message, answer.Errors)
	}
	var upid string
	if json.Unmarshal(answer.Data, &upid) != nil || !strings.HasPrefix(upid, "UPID:") {
		return answer.Data
	}
	for {
		var task struct{ Status, ExitStatus string }
		b.must(json.Unmarshal(b.byHand("GET", "/nodes/pve/tasks/"+url.PathEscape(upid)+"/status"), &task))
		switch {
		case task.ExitStatus == "OK":
			return nil
		case task.Status == "stopped":
			b.t.Fatalf("%s %s by hand ended with %q", method, path, task.ExitStatus)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func vmPath(id int, rest string) string { return fmt.Sprintf("/nodes/pve/qemu/%d%s", id, rest) }

// strangers makes a VM that is none of ours.
func (b *bench) strangers(id int, name string) {
	b.t.Helper()
	b.byHand("POST", "/nodes/pve/qemu", "vmid", fmt.Sprint(id), "name", name, "memory", "512", "scsi0", "local-zfs:1", "net0", "virtio,bridge=vmbr0")
}

// on is what is on the node: number, name, state and UUID of each VM.
func (b *bench) on() string {
	b.t.Helper()
	var all []struct {
		VMID         int
		Name, Status string
	}
	b.must(json.Unmarshal(b.byHand("GET", "/nodes/pve/qemu"), &all))
	var lines []string
	for _, v := range all {
		var config map[string]any
		b.must(json.Unmarshal(b.byHand("GET", vmPath(v.VMID, "/config")), &config))
		lines = append(lines, fmt.Sprintf("%d %s %s %v", v.VMID, v.Name, v.Status, config["smbios1"]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// work is the step that keeps a VM.
func (b *bench) work(name string) Work {
	if name == teleport {
		return b.TeleportVM(b.p)
	}
	return b.TalosVMs(b.p)
}

// made makes the VMs of a step.
func (b *bench) made(name string) {
	b.t.Helper()
	if name != teleport {
		b.must(b.Schematic(b.p).Apply(b.t.Context(), &engine.Run{}))
	}
	b.must(b.work(name).Apply(b.t.Context(), &engine.Run{}))
	r, err := b.work(name).Check(b.t.Context())
	b.must(err)
	if r.State != engine.Done {
		b.t.Fatalf("after it was made: %+v", r)
	}
}

// asked is the step of an action, as a request makes it.
func (b *bench) asked(verb, name string, a Args) (engine.Step, error) {
	b.t.Helper()
	a.By = "a test"
	action, err := b.Prepare(b.t.Context(), verb, name, a)
	if err != nil {
		return engine.Step{}, err
	}
	return b.again(action)
}

// again is the step that a restarted daemon builds of what the journal has.
func (b *bench) again(action engine.Action) (engine.Step, error) {
	g, err := b.Actions(b.t.Context(), action)
	if err != nil {
		return engine.Step{}, err
	}
	return g.Steps[0], nil
}

// do carries an action out as the engine does: look, apply, look again.
func (b *bench) do(verb, name string, a Args) error {
	b.t.Helper()
	step, err := b.asked(verb, name, a)
	if err != nil {
		return err
	}
	return b.carryOut(step)
}

func (b *bench) carryOut(step engine.Step) error {
	b.t.Helper()
	r, err := step.Check(b.t.Context())
	if err != nil || r.State == engine.Done {
		return err
	}
	if err := step.Apply(b.t.Context(), &engine.Run{}); err != nil {
		return err
	}
	if r, err = step.Check(b.t.Context()); err == nil && r.State != engine.Done {
		b.t.Errorf("%s was applied and is not done: %+v", step.ID, r)
	}
	return err
}

// record is what the state file has of a VM.
func (b *bench) record(name string) vms.Record {
	b.t.Helper()
	rec, _, err := b.records.Get(name)
	b.must(err)
	return rec
}

// refusedWith demands a problem with a code, a hint and words.
func refusedWith(t *testing.T, what string, err error, code problem.Code, words ...string) {
	t.Helper()
	p := problem.From(err)
	if err == nil || p.Code != code || p.Hint == "" {
		t.Errorf("%s: %v (%+v), want %s with a hint", what, err, p, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+p.Hint, w) {
			t.Errorf("%s: %q is not in %v (%s)", what, w, err, p.Hint)
		}
	}
}

// strip changes the mode of one of the Teleport VM's snippets.
func (b *bench) strip(part string, mode os.FileMode) {
	b.t.Helper()
	all, err := filepath.Glob(filepath.Join(filepath.Dir(b.o.StorageCfg), "pve/storage/local/snippets", snippetPrefix(teleport)+part+"-*.yaml"))
	b.must(err)
	if len(all) != 1 {
		b.t.Fatalf("there are %v", all)
	}
	b.must(os.Chmod(all[0], mode))
}
