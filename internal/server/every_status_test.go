package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/waddle-social/waddle/internal/server/contract"
)

// Every operation of the contract is called, every documented status is seen,
// and every exchange is as the contract says.
func TestEveryDocumentedStatusIsReached(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limits.FailedAuthentications = 100 })
	for _, reach := range []func(*testing.T, *world){
		withoutPlatform, writing, firewalling, planning, running, confirming, rootPassword, storing, acting, tokens, everywhere,
	} {
		reach(t, w)
	}
	if missing := w.recorder.Missing(); len(missing) > 0 {
		t.Errorf("documented statuses that were not reached:\n%s", strings.Join(missing, "\n"))
	}
	t.Logf("%d operations, %d operation-status pairs seen", len(w.recorder.Operations()), len(w.recorder.Seen()))
}

func withoutPlatform(_ *testing.T, w *world) {
	c := w.root()
	for _, call := range []string{"GET /v1/platform", "GET /v1/plan", "GET /v1/phases", "GET /v1/phases/1", "GET /v1/phases/1/undo",
		"POST /v1/phases/1/run", "POST /v1/phases/1/undo", "POST /v1/apply", "POST /v1/phases/2/steps/teleport.vm/acknowledge",
		"GET " + askFirewall} {
		method, path, _ := strings.Cut(call, " ")
		c.do(method, path, "").problem(404, "no_platform")
	}
	c.do("POST", "/v1/firewall/set", `{"profile":"open"}`).problem(404, "no_platform")
	c.do("GET", "/v1/export/opentofu", "").problem(404, "no_platform")
	for _, path := range []string{"/healthz", "/metrics", "/openapi.json", "/v1/version", "/v1/status", "/v1/platform/schema", "/v1/host", "/v1/preflight", "/v1/network", "/v1/firewall", "/v1/firewall/diff", "/v1/operations"} {
		c.do("GET", path, "").want(200)
	}
}

func writing(t *testing.T, w *world) {
	c, doc := w.root(), string(example(t))
	c.do("POST", "/v1/platform/validate", doc).want(200)
	c.do("POST", "/v1/platform/validate", "kind: Platfrom\n").problem(422, "invalid_platform")
	c.do("PUT", "/v1/platform", "kind: Platfrom\n").problem(422, "invalid_platform")
	etag := c.do("PUT", "/v1/platform", doc).want(201).header.Get("ETag")
	c.do("PUT", "/v1/platform", doc+"# more\n").problem(428, "precondition_needed")
	c.do("PUT", "/v1/platform", doc+"# more\n", `If-Match: "other"`).problem(412, "precondition_failed")
	c.do("PUT", "/v1/platform", doc+"# more\n", "If-Match: "+etag, "Waddle-SSH-Connection: 198.51.100.9 50000 203.0.113.10 2222").problem(409, "would_cut_connection")
	c.do("PUT", "/v1/platform", doc+"# more\n", "If-Match: "+etag).want(200)
	c.do("GET", "/v1/platform", "").want(200)
	c.do("GET", "/v1/export/opentofu", "").want(200)
	c.do("GET", "/v1/platform", "", "Accept: application/json").want(200)
}

const askFirewall = "/v1/firewall/test?from=internet&to=host:8006/tcp"

func firewalling(_ *testing.T, w *world) {
	c := w.root()
	w.withPhase0()
	c.do("GET", askFirewall, "").want(200)
	c.do("POST", "/v1/firewall/set", `{"profile":"lockdown"}`).problem(409, "needs_not_done")
	c.do("POST", "/v1/firewall/confirm", "").problem(409, "nothing_pending")
	c.do("POST", "/v1/firewall/rollback", "").problem(409, "nothing_pending")
	c.do("POST", "/v1/firewall/set", `{"profile":"open"}`, "Idempotency-Key: firewall-key").want(200)
	c.do("POST", "/v1/firewall/set", `{"profile":"initial"}`, "Idempotency-Key: firewall-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).want(200)
	c.do("POST", "/v1/firewall/emergency", `{"from":["198.51.100.7"]}`).want(200)
	c.do("POST", "/v1/firewall/rollback", "").want(200)
}

func planning(t *testing.T, w *world) {
	c := w.root()
	c.do("GET", "/v1/plan?through=1", "").want(200)
	c.do("GET", "/v1/phases", "").want(200)
	c.do("GET", "/v1/phases/1", "").want(200)
	c.do("GET", "/v1/phases/1/undo", "").want(200)
	good, err := os.ReadFile(w.store.Path)
	w.must(err)
	w.must(os.WriteFile(w.store.Path, []byte("kind: Platfrom\n"), 0o600))
	c.do("GET", "/v1/platform", "").want(200)
	c.do("GET", "/v1/platform", "", "Accept: application/json").problem(422, "invalid_platform")
	for _, path := range []string{"/v1/plan", "/v1/phases", "/v1/phases/1", "/v1/phases/1/undo", askFirewall} {
		c.do("GET", path, "").problem(422, "invalid_platform")
	}
	c.do("GET", "/v1/export/opentofu", "").problem(422, "invalid_platform")
	c.do("DELETE", "/v1/phases/2/steps/teleport.vm/acknowledge", "").problem(422, "invalid_platform")
	w.must(os.WriteFile(w.store.Path, good, 0o600))
}

func running(t *testing.T, w *world) {
	c := w.root()
	c.do("POST", "/v1/phases/1/undo", "").problem(409, "not_undoable")
	release := w.holdBridge()
	op := c.do("POST", "/v1/phases/1/run", "").want(202).operation()
	c.do("POST", "/v1/phases/1/run", "").problem(409, "operation_running")
	c.do("POST", "/v1/apply?wait=1s", `{"through":1}`).problem(409, "operation_running")
	c.do("POST", "/v1/operations/"+op.ID+"/cancel", "").want(202)
	c.do("GET", "/v1/operations/"+op.ID, "").want(200)
	c.do("GET", "/v1/operations/nothing", "").problem(404, "not_found")
	release()
	c.do("POST", "/v1/operations/"+op.ID+"/cancel?wait=60s", "", "Idempotency-Key: cancel-key").want(200)
	c.do("POST", "/v1/operations/"+op.ID+"/cancel?wait=59s", "", "Idempotency-Key: cancel-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/operations/nothing/cancel", "").problem(404, "not_found")
	c.do("GET", "/v1/operations/"+op.ID+"/events", "").want(200)
	c.do("GET", "/v1/operations/nothing/events", "").problem(404, "not_found")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resp, err := c.send(ctx, "GET", "/v1/events", "", "Last-Event-ID: 0")
	w.must(err)
	w.must(resp.Body.Close())

	// A bridge that waits answers 202, one that does not 200, for each call
	// that starts an operation.
	for _, path := range []string{"/v1/phases/1/run", "/v1/phases/1/undo", "/v1/apply"} {
		c.do("POST", path+"?wait=60s", "", "Idempotency-Key: key-of-"+path).want(200)
		c.do("POST", path+"?wait=61s", "", "Idempotency-Key: key-of-"+path).problem(422, "idempotency_reused")
	}
	w.set("network.bridge", false)
	release = w.holdBridge()
	op = c.do("POST", "/v1/apply", "").want(202).operation()
	release()
	c.do("POST", "/v1/operations/"+op.ID+"/cancel?wait=60s", "")
	c.do("POST", "/v1/phases/1/run?wait=60s", "").want(200)
	undone := c.do("POST", "/v1/phases/1/undo", "").want(202).operation()
	_, err = w.engine.Wait(t.Context(), undone.ID)
	w.must(err)
	c.do("POST", "/v1/phases/1/run?wait=60s", "").want(200)
}

func confirming(t *testing.T, w *world) {
	c := w.root()
	w.set("network.bridge", false)
	const path = "/v1/phases/2/steps/teleport.vm/acknowledge"
	c.do("POST", path, `{"note":"seen"}`).problem(409, "gate_not_open")
	w.set("network.bridge", true)
	c.do("POST", path, `{"note":"seen"}`, "Idempotency-Key: gate-key").want(204)
	c.do("POST", path, `{"note":"other"}`, "Idempotency-Key: gate-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/phases/2/steps/nothing/acknowledge", "").problem(404, "not_found")
	c.do("POST", "/v1/phases/1/steps/teleport.vm/acknowledge", "").problem(404, "not_found")
	c.do("DELETE", "/v1/phases/1/steps/teleport.vm/acknowledge", "").problem(404, "not_found")
	c.do("DELETE", path, "").want(204)
	c.do("DELETE", path, "").problem(404, "not_found")
	c.do("POST", path, `{"note":"seen again"}`).want(204)
}

func rootPassword(t *testing.T, w *world) {
	c := w.root()
	const path = "/v1/host/root-password"
	var set struct{ Password string }
	c.do("PUT", path, `{"generate":true}`).want(200).decode(&set)
	if set.Password == "" || w.password != set.Password {
		t.Errorf("the answer shows %q, the host has %q", set.Password, w.password)
	}
	const secret = "correct horse battery staple"
	if r := c.do("PUT", path, `{"password":"`+secret+`"}`).want(200); strings.Contains(string(r.body), secret) || w.password != secret {
		t.Errorf("the answer is %s, the host has %q", r.body, w.password)
	}
	for _, bad := range []string{`{}`, `{"generate":false}`, `{"generate":true,"password":"` + secret + `"}`, `{"password":"` + secret, `"` + secret + `"`,
		`{"password":["` + secret + `"]}`, `{"pasword":"` + secret + `"}`, `{"password":"` + unfit + `"}`} {
		r := c.do("PUT", path, bad, "Content-Type: application/json")
		r.problem(400, "invalid_request")
		if strings.Contains(string(r.body), "horse") || strings.Contains(string(r.body), unfit) {
			t.Errorf("%s: the refusal shows the password: %s", bad, r.body)
		}
	}
	if log := w.log.String(); strings.Contains(log, "horse") || strings.Contains(log, set.Password) {
		t.Error("the log has a password")
	}
}

func tokens(t *testing.T, w *world) {
	c := w.root()
	made := c.do("POST", "/v1/tokens", `{"name":"ci","scopes":["read"]}`, "Idempotency-Key: token-key").want(201)
	c.do("POST", "/v1/tokens", `{"name":"ci2","scopes":["read"]}`, "Idempotency-Key: token-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/tokens", `{"name":"ci","scopes":["read"]}`).problem(409, "conflict")
	c.do("GET", "/v1/tokens", "").want(200)
	var body struct{ Token struct{ ID string } }
	made.decode(&body)
	c.do("DELETE", "/v1/tokens/"+body.Token.ID, "").want(204)
	c.do("DELETE", "/v1/tokens/"+body.Token.ID, "").problem(404, "not_found")
}

// storageCalls are all calls of the storage with what they need.
func storageCalls(w *world) (calls []contract.Operation, bodies map[string]string) {
	for _, op := range w.recorder.Operations() {
		if strings.HasPrefix(op.Path, "/v1/storage") {
			op.Path = filledIn(op)
			calls = append(calls, op)
		}
	}
	return calls, map[string]string{
		"postVolume": `{"name":"some-volume","sizeBytes":16384}`, "postVolumeResize": `{"sizeBytes":32768}`,
		"postVolumeClone": `{"name":"some-copy"}`, "postVolumeRollback": `{"snapshot":"some-snapshot","confirm":"some-volume"}`,
		"postVolumeSnapshot": `{"name":"some-snapshot"}`,
	}
}

func storing(_ *testing.T, w *world) {
	c := w.root()
	calls, bodies := storageCalls(w)
	w.storage.absent = true
	for _, op := range calls {
		switch op.ID {
		case "getStorage", "getCSIValues", "getCSIValuesRevealed":
			c.do(op.Method, op.Path, "").want(200)
		default:
			c.do(op.Method, op.Path, bodies[op.ID]).problem(409, "needs_not_done")
		}
	}
	w.storage.absent = false
	good, err := os.ReadFile(w.store.Path)
	w.must(err)
	w.must(os.WriteFile(w.store.Path, []byte("kind: Platfrom\n"), 0o600))
	for _, op := range calls {
		c.do(op.Method, op.Path, bodies[op.ID]).problem(422, "invalid_platform")
	}
	w.must(os.Remove(w.store.Path))
	for _, op := range calls {
		c.do(op.Method, op.Path, bodies[op.ID]).problem(404, "no_platform")
	}
	w.must(os.WriteFile(w.store.Path, good, 0o600))
	for _, id := range []string{"postVolume", "getVolume", "postVolumeResize", "postVolumeSnapshot", "postVolumeClone", "postVolumeMove", "postVolumeRollback", "listVolumes",
		"listStorageSessions", "listOrphans", "postStorageRepair", "getStorageAdoption", "postStorageAdoption", "deleteVolumeSnapshot", "deleteVolume"} {
		op := calls[slices.IndexFunc(calls, func(op contract.Operation) bool { return op.ID == id })]
		if id == "postStorageRepair" || id == "postStorageAdoption" {
			running := c.do(op.Method, op.Path, "").want(202).operation()
			if _, err := w.engine.Wait(w.t.Context(), running.ID); err != nil {
				w.t.Fatal(err)
			}
			op.Path += "?wait=60s"
		}
		if r := c.do(op.Method, op.Path, bodies[id]); r.status >= 300 {
			w.t.Errorf("%s: %d %s", id, r.status, r.body)
		}
	}
}

// filledIn is the operation's path with something in its places, and what it
// cannot do without.
func filledIn(op contract.Operation) string {
	path := strings.NewReplacer("{phase}", "0", "{id}", "some-id", "{step}", "some.step", "{volume}", "some-volume", "{snapshot}", "some-snapshot",
		"{vm}", "some-vm", "{image}", "debian").Replace(op.Path)
	switch op.ID {
	case "deleteVolume":
		path += "?confirm=some-volume"
	case "deleteVM":
		path += "?confirm=some-vm"
	}
	return path
}

// everywhere is what each operation answers alike.
func everywhere(t *testing.T, w *world) {
	root, nobody, stranger, other := w.root(), w.as(65534, 65534, gidOf(t, socketGroup)), w.with(""), w.with("waddle_wrong")
	for _, op := range w.recorder.Operations() {
		path := filledIn(op)
		root.do(op.Method, strings.SplitN(path, "?", 2)[0]+"?nonsense=1", bodyFor(op)).problem(400, "invalid_request")
		if op.HasBody {
			root.do(op.Method, path, strings.Repeat("# long\n", 60_000)).problem(413, "too_large")
			root.do(op.Method, path, "x", "Content-Type: text/plain").problem(415, "unsupported_media")
		}
		if op.Scope == "" {
			stranger.do(op.Method, path, "").want(200)
			continue
		}
		nobody.do(op.Method, path, bodyFor(op)).problem(403, "forbidden")
		stranger.do(op.Method, path, bodyFor(op)).problem(401, "unauthenticated")
	}
	exhaust := func() {
		t.Helper()
		for i := 0; other.do("GET", "/v1/version", "").status != 429; i++ {
			if i > 200 {
				t.Fatal("200 failed authentications and no 429")
			}
		}
	}
	for _, op := range w.recorder.Operations() {
		path := filledIn(op)
		if op.Scope == "" {
			continue
		}
		exhaust()
		r := other.do(op.Method, path, bodyFor(op))
		for tries := 0; r.status == 401 && tries < 50; tries++ { // a failure is given back after a while, which a slow machine may take
			exhaust()
			r = other.do(op.Method, path, bodyFor(op))
		}
		r.problem(429, "too_many_attempts")
		if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 {
			t.Errorf("%s: Retry-After is %q", op.ID, r.header.Get("Retry-After"))
		}
	}
}

func bodyFor(op contract.Operation) string {
	switch {
	case !op.HasBody:
		return ""
	case strings.HasPrefix(op.Path, "/v1/platform"):
		return "kind: Platform\n"
	}
	return "{}"
}

// as calls over the unix socket as another user. Credentials belong to threads,
// and the kernel notes those of the thread that connects.
func (w *world) as(uid, gid int, groups ...int) *client {
	return w.clientOver("http://waddled", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialAs(ctx, w.socket(), uid, gid, groups)
	}}, http.Header{})
}

func dialAs(ctx context.Context, socket string, uid, gid int, groups []int) (net.Conn, error) {
	type result struct {
		c   net.Conn
		err error
	}
	out := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := becomeThread(uid, gid, groups); err != nil {
			out <- result{err: err}
			return
		}
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		out <- result{c, err}
	}()
	r := <-out
	return r.c, r.err
}

func becomeThread(uid, gid int, groups []int) error {
	list := make([]uint32, 0, len(groups)+1)
	for _, g := range groups {
		list = append(list, uint32(g))
	}
	if err := setgroups(list); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
		return fmt.Errorf("setresgid: %w", e)
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
		return fmt.Errorf("setresuid: %w", e)
	}
	return nil
}

func gidOf(t *testing.T, group string) int {
	t.Helper()
	g, err := user.LookupGroup(group)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return gid
}
