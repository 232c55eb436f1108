package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/opentofu"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformfile"
	"github.com/waddle-social/waddle/internal/preflight"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/contracttest"
	"github.com/waddle-social/waddle/internal/server/listen/listentest"
	"github.com/waddle-social/waddle/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketGroup is a group that every Linux has and that root is not in.
const socketGroup = "daemon"

// world is a server on a real engine, state file and platform file. What it
// changes are the entries of a map.
type world struct {
	t        *testing.T
	dir      string // state
	run      string // the socket; other users may pass through it
	server   *Server
	engine   *engine.Engine
	store    *platformfile.Store
	recorder *contracttest.Recorder
	tls      netip.AddrPort
	log      *lockedBuffer
	password string // root's
	storage  *fakeStorage
	rules    fakeRules
	changes  atomic.Int64 // of the firewall's profile
	machines *fakeMachines
	stop     func() error

	mu     sync.Mutex
	things map[string]bool
	hold   chan struct{} // network.bridge waits for it; nil does not wait
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	needRoot(t)
	w := &world{t: t, dir: t.TempDir(), run: openDir(t), log: &lockedBuffer{}, things: map[string]bool{}, storage: newFakeStorage()}
	w.store = &platformfile.Store{Path: filepath.Join(w.dir, "platform.yaml")}
	w.machines = &fakeMachines{store: w.store}
	w.start(change...)
	return w
}

func (w *world) socket() string { return filepath.Join(w.run, "waddled.sock") }

// openDir is a temporary directory that all users may enter; t.TempDir's parent
// is for its owner alone.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "waddle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("needs root: the unix socket's callers are real users")
	}
	t.Skip("needs root: the unix socket's callers are real users")
}

// start runs the server on what is in the directory, as a new process would.
func (w *world) start(change ...func(*Options)) {
	w.t.Helper()
	db, err := state.Open(filepath.Join(w.dir, "state.db"), state.Options{})
	w.must(err)
	w.engine, err = engine.New(engine.Options{State: db, Source: w.graph, Actions: w.actions})
	w.must(err)
	w.tls = listentest.Port(w.t, "127.0.0.1")
	o := Options{
		Engine: w.engine, Platform: w.store, Network: fakeNetwork{}, Firewall: w.firewall(), Host: fakeHost{}, RootPassword: fakePassword{w}, Preflight: fakePreflight{}, Export: fakeExport, Storage: w.storage, Machines: w.machines, State: db,
		Phases:         []Phase{{0, "Immediate Host Lockdown"}, {1, "Network Setup"}, {2, "Teleport VM"}},
		Version:        Version{Version: "0.1.0", Commit: "abc"},
		PlatformSchema: func() ([]byte, error) { return []byte(`{"type":"object"}`), nil },
		Socket:         w.socket(), Group: socketGroup, TLSDir: filepath.Join(w.dir, "tls"),
		Listen: func() (netip.AddrPort, bool) { return w.tls, true },
		Drain:  time.Minute,
		Log:    slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	w.server, err = New(o)
	w.must(err)
	w.recorder, err = contracttest.New()
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Run(ctx) }()
	w.stop = sync.OnceValue(func() error {
		cancel()
		err := <-done
		short, end := context.WithTimeout(context.Background(), time.Minute)
		defer end()
		if cerr := w.engine.Close(short); cerr != nil && err == nil {
			err = cerr
		}
		if cerr := db.Close(); cerr != nil && err == nil {
			err = cerr
		}
		return err
	})
	w.t.Cleanup(func() {
		if err := w.stop(); err != nil {
			w.t.Errorf("the server did not stop well: %v", err)
		}
		if err := w.recorder.Err(); err != nil {
			w.t.Errorf("an exchange was not as the contract says: %v", err)
		}
	})
	w.waitUntil("the listeners are there", func() bool {
		s, ok := w.server.follower.State()
		_, err := os.Stat(o.Socket)
		return ok && s.Listening && err == nil
	})
}

// withDocument does something while another platform document is there, or none.
func (w *world) withDocument(text string, do func()) {
	w.t.Helper()
	good, err := os.ReadFile(w.store.Path)
	w.must(err)
	if text == "" {
		w.must(os.Remove(w.store.Path))
	} else {
		w.must(os.WriteFile(w.store.Path, []byte(text), 0o600))
	}
	do()
	w.must(os.WriteFile(w.store.Path, good, 0o600))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) waitUntil(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	w.t.Fatalf("waited a minute in vain until %s; the log says:\n%s", what, w.log)
}

// graph is three phases: a rule, a bridge that a test can hold up, and a gate with a
// step behind it.
func (w *world) graph(context.Context) (*engine.Graph, error) {
	_, _, revision, err := w.store.Read()
	if err != nil {
		return nil, err
	}
	install := w.step("teleport.install", 2, "teleport", nil)
	install.Needs = []string{"teleport.vm"}
	return engine.NewGraph(revision, []engine.Step{
		w.step("firewall.rules", 0, "firewall", nil),
		w.step("network.bridge", 1, "network", func() chan struct{} { return w.hold }),
		{ID: "teleport.vm", Phase: 2, Title: "Create the Teleport VM", Needs: []string{"network.bridge"},
			Gate: &engine.Gate{Instruction: "create it", Acknowledge: true}},
		install,
	})
}

func (w *world) step(id string, phase int, area string, hold func() chan struct{}) engine.Step {
	differs := []engine.Difference{{Kind: engine.Create, Object: id, Want: "there"}}
	look := func(context.Context) (engine.Result, error) {
		if w.get(id) {
			return engine.IsDone(), nil
		}
		return engine.Found(differs...), nil
	}
	return engine.Step{
		ID: id, Phase: phase, Title: "Make " + id, Area: area, Check: look,
		Apply: func(ctx context.Context, run *engine.Run) error {
			run.Progress("working")
			if hold != nil {
				w.mu.Lock()
				held := hold()
				w.mu.Unlock()
				if held != nil {
					select {
					case <-held:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			w.set(id, true)
			return nil
		},
		Undo: &engine.Undo{
			Capture: func(context.Context) (json.RawMessage, error) { return json.RawMessage(`{}`), nil },
			Show: func(context.Context, json.RawMessage) ([]engine.Difference, error) {
				if !w.get(id) {
					return nil, nil
				}
				return []engine.Difference{{Kind: engine.Remove, Object: id, Is: "there"}}, nil
			},
			Apply: func(context.Context, json.RawMessage, *engine.Run) error { w.set(id, false); return nil },
		},
	}
}

func (w *world) get(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.things[id]
}

func (w *world) set(id string, v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.things[id] = v
}

// holdBridge makes network.bridge wait until the returned function is called.
func (w *world) holdBridge() (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = make(chan struct{})
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.hold)
		w.hold = nil
	})
}

type fakeNetwork struct{}

func (fakeNetwork) Seen(context.Context) (api.NetworkView, error) {
	return api.NetworkView{Links: []api.Link{{Name: "vmbr0", Kind: "bridge", Up: true, Addresses: []string{"203.0.113.10/24"}}}, Rules: []api.FirewallRule{}}, nil
}

func (fakeNetwork) Wanted(_ context.Context, p *platform.Platform) (api.NetworkView, error) {
	return api.NetworkView{Links: []api.Link{{Name: string(p.Spec.Network.Internal.Bridge), Kind: "bridge", Up: true, Addresses: []string{}}}, Rules: []api.FirewallRule{}}, nil
}

// fakePassword has the world remember what it was given.
type fakePassword struct{ w *world }

// unfit is the one password that it refuses.
const unfit = "unfit-for-any-use"

func (f fakePassword) Generate(ctx context.Context) (string, time.Time, error) {
	const made = "abcde-fghjk-mnpqr-stuvw-xyz23-45678"
	at, err := f.Set(ctx, made)
	return made, at, err
}

func (f fakePassword) Set(_ context.Context, password string) (time.Time, error) {
	if password == unfit {
		return time.Time{}, problem.New(problem.InvalidRequest, "take another one", "cannot set root's password: it is unfit")
	}
	f.w.password = password
	return time.Now(), nil
}

func fakeExport(p *platform.Platform) ([]opentofu.File, error) {
	return []opentofu.File{{Name: "vms.tf", Content: "# " + string(p.Spec.VMs.Teleport.Name) + "\n"}}, nil
}

type fakePreflight struct{}

func (fakePreflight) Run(context.Context) preflight.Report {
	return preflight.Report{Checks: []preflight.Check{
		{Name: "proxmox.api", State: preflight.OK, Detail: "it answers"},
		{Name: "proxmox.token", State: preflight.Missing, Detail: "there is none", Remedy: "waddled setup proxmox"},
		{Name: "proxmox.node", State: preflight.Unknown, Detail: "not looked at"},
	}}
}

type fakeHost struct{}

func (fakeHost) Look() (platform.Facts, error) {
	return platform.Facts{
		Node: "pve1", Threads: 12, MemoryBytes: 1 << 35, IPv6: true, Pools: []string{"rpool"}, SSHPorts: []int{22},
		Disks:  []platform.DiskFact{{Name: "nvme0n1", Model: "disk", Bytes: 1 << 40}},
		Links:  []platform.LinkFact{{Name: "vmbr0", MAC: "52:54:00:00:00:01", Bridge: true, Ports: []string{"eno1"}, Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.10/24")}}},
		Uplink: &platform.UplinkFact{Link: "vmbr0", Gateway4: netip.MustParseAddr("203.0.113.1")}, AuthorizedKeys: []string{"ssh-ed25519 AAAA admin"},
		Storages: []platform.StorageFact{{Name: "local-zfs", Type: "zfspool", Content: []string{"images"}, Dataset: "rpool/data"}},
	}, nil
}

// example is the plan's platform.
func example(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/waddle-social.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withPlatform writes the example to the file, as an operator would.
func (w *world) withPlatform() *world {
	w.t.Helper()
	_, err := w.store.Write(example(w.t), platformfile.Any)
	if err != nil {
		_, err = w.store.Write(example(w.t), platformfile.Absent)
	}
	w.must(err)
	return w
}

// clientPatience is longer than any wait that a test asks for.
const clientPatience = 2 * time.Minute

// client sends requests one way; each exchange is checked against the contract.
type client struct {
	w    *world
	base string
	http *http.Client
	head http.Header
}

func (w *world) clientOver(base string, t *http.Transport, head http.Header) *client {
	w.t.Cleanup(t.CloseIdleConnections)
	return &client{w: w, base: base, head: head, http: &http.Client{Transport: w.recorder.Transport(t), Timeout: clientPatience}}
}

// root calls over the unix socket as root.
func (w *world) root() *client {
	return w.clientOver("http://waddled", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.socket())
	}}, http.Header{})
}

// with calls over TLS with a token; "" sends none.
func (w *world) with(secret string) *client {
	w.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.server.certs.CAPEM())
	head := http.Header{}
	if secret != "" {
		head.Set("Authorization", "Bearer "+secret)
	}
	return w.clientOver("https://"+w.tls.String(), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, head)
}

// token makes a token as root does.
func (w *world) token(name string, scopes ...string) (secret, id string) {
	w.t.Helper()
	list, _ := json.Marshal(scopes)
	r := w.root().do("POST", "/v1/tokens", fmt.Sprintf(`{"name":%q,"scopes":%s}`, name, list))
	r.want(201)
	var made api.TokenCreated
	r.decode(&made)
	return made.Secret, made.Token.ID
}

// reply is an answer that was read.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// do sends a request. A body that begins with { is JSON, anything else YAML;
// headers are "Name: value".
func (c *client) do(method, path, body string, headers ...string) *reply {
	c.w.t.Helper()
	r, err := c.try(method, path, body, headers...)
	if err != nil {
		c.w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (c *client) try(method, path, body string, headers ...string) (*reply, error) {
	resp, err := c.send(context.Background(), method, path, body, headers...)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &reply{c.w.t, method + " " + path, resp.StatusCode, resp.Header, data}, nil
}

func (c *client) send(ctx context.Context, method, path, body string, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = c.head.Clone()
	switch {
	case strings.HasPrefix(body, "{"):
		req.Header.Set("Content-Type", "application/json")
	case body != "":
		req.Header.Set("Content-Type", "application/yaml")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return c.http.Do(req)
}

func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: got %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// problem wants a problem with the code and returns it.
func (r *reply) problem(status int, code string) api.Problem {
	r.t.Helper()
	r.want(status)
	var p api.Problem
	r.decode(&p)
	if p.Code != code || p.Status != status {
		r.t.Fatalf("%s: got the problem %s %d (%s), want %s %d", r.what, p.Code, p.Status, p.Detail, code, status)
	}
	return p
}

func (r *reply) decode(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%s: cannot decode %q: %v", r.what, r.body, err)
	}
}

func (r *reply) operation() api.Operation {
	r.t.Helper()
	var op api.Operation
	r.decode(&op)
	return op
}
