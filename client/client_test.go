package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const version = `{"version":"0.1.0","api":"0.1","go":"go1.26"}`

func answer(w http.ResponseWriter, status int, media, body string) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, body)
}

// over returns a client of h over a unix socket.
func over(t *testing.T, h http.HandlerFunc, change ...func(*Options)) *Connection {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	o := Options{Server: "unix://" + path}
	for _, c := range change {
		c(&o)
	}
	return connect(t, o)
}

func connect(t *testing.T, o Options) *Connection {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestServersThatMakeNoSenseAreRefusedAtOnce(t *testing.T) {
	for _, server := range []string{"", "10.10.0.1:7443", "http://10.10.0.1:7443", "unix://relative.sock", "https://", "ftp://x"} {
		if _, err := New(Options{Server: server}); err == nil || !strings.Contains(err.Error(), "cannot use server") {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestAProblemIsAnError(t *testing.T) {
	c := over(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 409, "application/problem+json", `{"type":"urn:x","title":"t","status":409,"detail":"cannot start","instance":"urn:y","code":"operation_running","hint":"wait","others":["op-1"]}`)
	})
	_, err := c.GetVersionWithResponse(context.Background())
	p, ok := AsProblem(err)
	if !ok || p.Code != "operation_running" || p.Status != 409 || p.Hint != "wait" || p.Others[0] != "op-1" || err.Error() != "cannot start" {
		t.Errorf("got %#v", err)
	}
}

func TestWhatIsNoWaddledIsSaid(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a proxy's page":         func(w http.ResponseWriter, _ *http.Request) { answer(w, 502, "text/html", "<h1>Bad Gateway") },
		"a redirect":             func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/x"); w.WriteHeader(302) },
		"a problem without code": func(w http.ResponseWriter, _ *http.Request) { answer(w, 400, "application/problem+json", "{}") },
	} {
		_, err := over(t, h).GetVersionWithResponse(context.Background())
		if err == nil || !strings.Contains(err.Error(), "is this waddled?") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADaemonThatIsNotThereIsUnreachable(t *testing.T) {
	c := connect(t, Options{Server: "unix:///no/such.sock"})
	_, err := c.GetVersionWithResponse(context.Background())
	var u *UnreachableError
	if !errors.As(err, &u) || u.Server != "unix:///no/such.sock" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTheSSHConnectionGoesOverTheSocketAndTheTokenDoesNot(t *testing.T) {
	var got http.Header
	c := over(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		answer(w, 200, "application/json", version)
	}, func(o *Options) {
		o.Token, o.SSHConnection, o.UserAgent = "waddle_secret", "1.2.3.4 5 6.7.8.9 22", "waddle/0.1"
	})
	if _, err := c.GetVersionWithResponse(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got.Get("Waddle-SSH-Connection") != "1.2.3.4 5 6.7.8.9 22" || got.Get("Authorization") != "" || got.Get("User-Agent") != "waddle/0.1" {
		t.Errorf("sent %v", got)
	}
}

func secure(t *testing.T, h http.HandlerFunc) (srv *httptest.Server, caFile string) {
	t.Helper()
	srv = httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	caFile = filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return srv, caFile
}

func TestTheTokenFileIsReadAtEachCall(t *testing.T) {
	var got string
	srv, ca := secure(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		answer(w, 200, "application/json", version)
	})
	file := filepath.Join(t.TempDir(), "token")
	c := connect(t, Options{Server: srv.URL, TokenFile: file, CAFile: ca})
	for _, token := range []string{"waddle_one", "waddle_two"} {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetVersionWithResponse(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got != "Bearer "+token {
			t.Errorf("sent %q", got)
		}
	}
}

func TestAServerThatIsNotTrustedGetsNoToken(t *testing.T) {
	called := false
	srv, _ := secure(t, func(http.ResponseWriter, *http.Request) { called = true })
	sum := sha256.Sum256([]byte("another CA"))
	for name, o := range map[string]Options{
		"the system's roots":     {},
		"another CA fingerprint": {CAFingerprint: hex.EncodeToString(sum[:])},
	} {
		o.Server, o.Token = srv.URL, "waddle_secret"
		if _, err := connect(t, o).GetVersionWithResponse(context.Background()); err == nil || strings.Contains(err.Error(), "waddle_secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if called {
		t.Error("the server was called")
	}
	for _, bad := range []Options{{CAFile: "/no/such/file"}, {CAFingerprint: "abc"}, {CAFile: os.DevNull}} {
		bad.Server = srv.URL
		if _, err := New(bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func operation(state string) string {
	return `{"id":"op-1","kind":"apply","state":"` + state + `","caller":{"name":"x","from":"y"},"selection":{},"consent":{},"revision":"r","areas":[],"steps":[],"created":"2026-11-24T06:00:00Z","resumed":0,"cancel":false}`
}

func TestWaitBearsARestart(t *testing.T) {
	var calls atomic.Int32
	c := over(t, func(w http.ResponseWriter, _ *http.Request) {
		switch calls.Add(1) {
		case 1:
			answer(w, 200, "application/json", operation("running"))
		case 2:
			answer(w, 503, "application/problem+json", `{"code":"unavailable","detail":"stopping","status":503}`)
		default:
			answer(w, 200, "application/json", operation("waiting"))
		}
	})
	op, err := c.Wait(context.Background(), "op-1")
	if err != nil || op.State != OperationStateWaiting {
		t.Errorf("got %+v, %v", op, err)
	}
}

func TestWaitEndsWithItsContextAndWithARefusal(t *testing.T) {
	c := over(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", operation("running")) })
	for patience := 50 * time.Millisecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		op, err := c.Wait(ctx, "op-1")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || op != nil && op.State.Final() || op == nil && patience > time.Minute {
			t.Errorf("got %+v, %v", op, err)
		}
		if op != nil || patience > time.Minute {
			break // otherwise the machine had no time for the first answer
		}
	}
	c = over(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 404, "application/problem+json", `{"code":"not_found","detail":"no","status":404}`)
	})
	if _, err := c.Wait(context.Background(), "op-1"); err == nil {
		t.Error("an unknown operation is waited for")
	}
}

// story serves three events on connections that break after each one.
func story(state func(seen int) string) http.HandlerFunc {
	seen := 0
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			answer(w, 200, "application/json", operation(state(seen)))
			return
		}
		var last int
		if _, err := fmt.Sscan(r.Header.Get("Last-Event-ID"), &last); err != nil {
			last = -100
		}
		next := last + 1
		if next <= 3 {
			seen = next
			answer(w, 200, "text/event-stream", fmt.Sprintf(": hello\n\nid: %d\nevent: step\ndata: {\"seq\":%d,\"time\":\"2026-11-24T06:00:00Z\",\"type\":\"step\"}\n\n", next, next))
			return
		}
		answer(w, 200, "text/event-stream", ": hello\n\n")
	}
}

func TestABrokenStreamGoesOnWhereItBroke(t *testing.T) {
	c := over(t, story(func(seen int) string {
		if seen == 3 {
			return "done"
		}
		return "running"
	}))
	var seqs []uint64
	for e, err := range c.OperationEvents(context.Background(), "op-1") {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
	}
	if !slices.Equal(seqs, []uint64{1, 2, 3}) {
		t.Errorf("the events are %v", seqs)
	}
}

func TestACallerMayLeaveAStream(t *testing.T) {
	c := over(t, story(func(int) string { return "running" }))
	zero := uint64(0)
	for e, err := range c.Events(context.Background(), &zero) {
		if err != nil || e.Seq != 1 {
			t.Errorf("got %+v, %v", e, err)
		}
		break
	}
}

func TestAStreamEndsWithItsContextAndWithARefusal(t *testing.T) {
	c := over(t, story(func(int) string { return "running" }))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	three := uint64(3)
	if err := lastError(c, ctx, &three); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	c = over(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 403, "application/problem+json", `{"code":"forbidden","detail":"no","status":403}`)
	})
	if p, ok := AsProblem(lastError(c, context.Background(), nil)); !ok || p.Code != "forbidden" {
		t.Errorf("got %v", p)
	}
	c = over(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/event-stream", "data: rubbish\n\n") })
	if err := lastError(c, context.Background(), nil); !errors.Is(err, errMalformed) {
		t.Errorf("got %v", err)
	}
}

func lastError(c *Connection, ctx context.Context, after *uint64) (last error) {
	for _, err := range c.Events(ctx, after) {
		last = err
	}
	return last
}
