package images_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/pkg/vms/images"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// web is a server of images that can be told to misbehave.
type web struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	faults   []fault // the first one is for the next request, and so on; the last one stays if it is for ever
	requests []string
}

// fault answers in place of the server. It returns true when it did.
type fault struct {
	for_ bool // ever
	do   func(w http.ResponseWriter, r *http.Request, content []byte) bool
}

func serveWeb(t *testing.T) *web {
	w := &web{files: map[string][]byte{}}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	w.Config.ErrorLog = quiet
	w.StartTLS()
	t.Cleanup(func() {
		w.CloseClientConnections()
		w.Close()
		w.Client().CloseIdleConnections()
	})
	return w
}

func (w *web) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	content, there := w.files[r.URL.Path]
	w.requests = append(w.requests, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
	var f *fault
	if len(w.faults) > 0 {
		f = &w.faults[0]
		if !f.for_ {
			w.faults = w.faults[1:]
		}
	}
	w.mu.Unlock()
	if f != nil && f.do(rw, r, content) {
		return
	}
	if !there {
		http.NotFound(rw, r)
		return
	}
	plain(rw, r, content)
}

func plain(rw http.ResponseWriter, r *http.Request, content []byte) {
	sum := sha256.Sum256(content)
	rw.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	rw.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(rw, r, "", time.Unix(1700000000, 0), bytes.NewReader(content))
}

func (w *web) put(path string, content []byte) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files[path] = content
	return w.URL + path
}

func (w *web) misbehave(f ...fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = f
}

func (w *web) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.requests...)
}

// image is a qcow2 header and bytes that nobody can guess.
func image(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := pve.QCOW2(1 << 30)
	for len(b) < 700_000 {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b
}

func sum512(b []byte) string {
	s := sha512.Sum512(b)
	return hex.EncodeToString(s[:])
}

func sum256(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// world is a simulated node, a server of images and a cache between them.
type world struct {
	t     *testing.T
	web   *web
	node  *pve.Server
	dir   string // of everything
	token string
	api   *rest.Client
	o     images.Options
	root  *http.Client

	grants int // that were made
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, web: serveWeb(t), dir: t.TempDir()}
	node, err := pve.Open(t.Context(), pve.Options{Dir: filepath.Join(w.dir, "pve"), Timing: pve.Scaled(0.002), HTTP: w.web.Client()})
	if err != nil {
		t.Fatal(err)
	}
	w.node = node
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	w.root = rootClient(t, node)
	w.token = filepath.Join(w.dir, "token")
	w.writeToken(w.grant(images.Privileges()))
	w.api = rest.New(rest.Options{URL: node.URL(), ServerName: node.Node(), CAFile: node.CAFile(), Token: rest.TokenFile(w.token), Every: 2 * time.Millisecond})
	t.Cleanup(w.api.Close)
	w.o = images.Options{
		API: w.api, Node: node.Node(), Storage: "local", Dir: filepath.Join(w.dir, "downloads"), HTTP: w.web.Client(),
		Records: &images.File{Path: filepath.Join(w.dir, "images.json")},
		First:   time.Minute, Stall: time.Minute, Tries: 3, Pause: time.Millisecond,
		Free: func(string) (int64, error) { return 1 << 40, nil },
	}
	return w
}

func rootClient(t *testing.T, node *pve.Server) *http.Client {
	raw, err := os.ReadFile(node.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(raw)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: node.Node()}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// asRoot calls the node with a ticket of root@pam.
func (w *world) asRoot(method, path string, params url.Values) json.RawMessage {
	w.t.Helper()
	call := func(method, path string, params url.Values, header http.Header) json.RawMessage {
		req, err := http.NewRequestWithContext(w.t.Context(), method, w.node.URL()+path, strings.NewReader(params.Encode()))
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header = header
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := w.root.Do(req)
		if err != nil {
			w.t.Fatal(err)
		}
		defer res.Body.Close()
		var a struct {
			Data    json.RawMessage
			Message string
			Errors  map[string]string
		}
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != 200 {
			w.t.Fatalf("%s %s: %s %v %v", method, path, res.Status, a, err)
		}
		return a.Data
	}
	var ticket struct{ Ticket, CSRFPreventionToken string }
	login := call("POST", "/access/ticket", url.Values{"username": {"root@pam"}, "password": {"root-password"}}, http.Header{})
	if err := json.Unmarshal(login, &ticket); err != nil {
		w.t.Fatal(err)
	}
	return call(method, path, params, http.Header{"Cookie": {"PVEAuthCookie=" + ticket.Ticket}, "Csrfpreventiontoken": {ticket.CSRFPreventionToken}})
}

// grant makes a user and a token with exactly these privileges.
func (w *world) grant(privileges []images.Privilege) (token string) {
	w.t.Helper()
	w.grants++
	user := fmt.Sprintf("images%d@pve", w.grants)
	w.asRoot("POST", "/access/users", url.Values{"userid": {user}})
	byPath := map[string][]string{}
	for _, p := range privileges {
		byPath[p.Path] = append(byPath[p.Path], p.Name)
	}
	for path, names := range byPath {
		role := fmt.Sprintf("images%d%s", w.grants, strings.ReplaceAll(path, "/", "-"))
		w.asRoot("POST", "/access/roles", url.Values{"roleid": {role}, "privs": {strings.Join(names, ",")}})
		w.asRoot("PUT", "/access/acl", url.Values{"path": {path}, "users": {user}, "roles": {role}, "propagate": {"1"}})
	}
	var made struct {
		FullTokenid string `json:"full-tokenid"`
		Value       string
	}
	if err := json.Unmarshal(w.asRoot("POST", "/access/users/"+user+"/token/test", url.Values{"privsep": {"0"}}), &made); err != nil {
		w.t.Fatal(err)
	}
	return made.FullTokenid + "=" + made.Value
}

func (w *world) writeToken(token string) {
	w.t.Helper()
	if err := os.WriteFile(w.token, []byte(token+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// stored is where the storage has its images.
func (w *world) stored() string { return filepath.Join(w.dir, "pve", "storage", "local", "import") }

// imported is what the storage holds, by file name.
func (w *world) imported() map[string][]byte {
	w.t.Helper()
	all := map[string][]byte{}
	for _, v := range w.files(w.stored()) {
		raw, err := os.ReadFile(filepath.Join(w.stored(), v))
		if err != nil {
			w.t.Fatal(err)
		}
		all[v] = raw
	}
	return all
}

func (w *world) files(dir string) (names []string) {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (w *world) ensure(i images.Image) error {
	use, err := images.New(w.o).Ensure(w.t.Context(), i, nil)
	if err == nil {
		use.Release()
	}
	return err
}

// holds checks that the image is there, whole, and that nothing else is left of it.
func (w *world) holds(i images.Image, content []byte) {
	w.t.Helper()
	if got, err := os.ReadFile(filepath.Join(w.stored(), i.Name)); err != nil || !bytes.Equal(got, content) {
		w.t.Errorf("the storage has %d bytes as %s (%v), not the %d of the image", len(got), i.Name, err, len(content))
	}
	if left := w.files(w.o.Dir); len(left) > 0 {
		w.t.Errorf("left in the directory of downloads: %v", left)
	}
	all, err := w.o.Records.All()
	if err != nil || all[i.Name].Stage != images.Present || all[i.Name].Size != int64(len(content)) {
		w.t.Errorf("recorded: %+v %v", all[i.Name], err)
	}
}

func caFile(t *testing.T, s *httptest.Server) string {
	path := filepath.Join(t.TempDir(), "web.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var background = context.Background()

// strange puts a file into the storage that waddled knows nothing of.
func (w *world) strange(name string, content []byte) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "pve", "storage", "local", "import")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// flip changes a byte in the middle of a file.
func (w *world) flip(path string) {
	w.t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
}
