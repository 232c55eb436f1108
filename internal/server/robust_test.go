package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/server/api"
)

type panickingHost struct{}

func (panickingHost) Look() (platform.Facts, error) { panic("the secret sauce is missing") }

type brokenHost struct{}

func (brokenHost) Look() (platform.Facts, error) {
	return platform.Facts{}, errors.New("disk sda: I/O error")
}

func TestAPanicAndADefectAreAnsweredAndLoggedWithTheRequestsID(t *testing.T) {
	for name, c := range map[string]struct {
		host   Host
		logged string
	}{"a panic": {panickingHost{}, "the secret sauce is missing"}, "a defect": {brokenHost{}, "disk sda: I/O error"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Host = c.host })
			p := w.root().do("GET", "/v1/host", "", "X-Request-Id: my-request-1").problem(500, "internal")
			if p.Instance != "urn:waddle:request:my-request-1" || !strings.Contains(p.Hint, "my-request-1") {
				t.Errorf("the problem does not name the request: %+v", p)
			}
			if strings.Contains(p.Detail, c.logged) {
				t.Errorf("the caller sees the cause: %s", p.Detail)
			}
			if !strings.Contains(w.log.String(), c.logged) || !strings.Contains(w.log.String(), "request=my-request-1") {
				t.Error("the log lacks the cause or the request's id")
			}
			w.root().do("GET", "/v1/version", "").want(200)
		})
	}
}

func TestRequestIDsAreTakenOverWhenTheyAreHarmless(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		sent string
		kept bool
	}{{"job-4711.2_a", true}, {"a b", false}, {strings.Repeat("a", 65), false}, {"", false}} {
		got := w.root().do("GET", "/healthz", "", "X-Request-Id: "+c.sent).header.Get("X-Request-Id")
		if (got == c.sent) != c.kept || got == "" {
			t.Errorf("%q became %q", c.sent, got)
		}
	}
}

func TestWhatTheContractDoesNotHaveIsAProblem(t *testing.T) {
	w := newWorld(t)
	c := w.root()
	c.do("GET", "/v1/nothing", "").problem(404, "not_found")
	c.do("GET", "/", "").problem(404, "not_found")
	c.do("GET", "/v1/phases/1/run", "").problem(405, "method_not_allowed")
	c.do("DELETE", "/v1/status", "").problem(405, "method_not_allowed")
	c.do("PATCH", "/v1/platform", "").problem(405, "method_not_allowed")
	c.do("GET", "/v1/phases/7", "").problem(404, "not_found")
}

func TestABadRequestSaysEveryThingThatIsWrong(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		fields                   []string
	}{
		{"an unknown query parameter", "PUT", "/v1/platform?froce=true", "kind: Platform\n", nil, []string{"query.froce"}},
		{"two of them", "GET", "/v1/plan?a=1&b=2", "", nil, []string{"query.a", "query.b"}},
		{"a number that is none", "GET", "/v1/plan?through=two", "", nil, []string{"query.through"}},
		{"a number below its range", "GET", "/v1/plan?through=-1", "", nil, []string{"query.through"}},
		{"a phase that is no number", "GET", "/v1/phases/one", "", nil, []string{"path.phase"}},
		{"a wait without a unit", "POST", "/v1/apply?wait=30", "{}", nil, []string{"query.wait"}},
		{"a wait that is too long", "POST", "/v1/apply?wait=11m", "{}", nil, []string{"query.wait"}},
		{"a key that is too short", "POST", "/v1/apply", "{}", []string{"Idempotency-Key: short"}, []string{"header.Idempotency-Key"}},
		{"an unknown property", "POST", "/v1/apply", `{"trough":1}`, nil, []string{"body"}},
		{"a property of the wrong type", "POST", "/v1/apply", `{"adopt":"yes"}`, nil, []string{"body.adopt"}},
		{"several faults of a token", "POST", "/v1/tokens", `{"name":"Not Good","scopes":["root"],"expiresInDays":400}`, nil, []string{"body.expiresInDays", "body.name", "body.scopes.0"}},
		{"a body that is no JSON", "POST", "/v1/apply", `{"through":`, nil, []string{"body"}},
		{"a state that does not exist", "GET", "/v1/operations?state=lost", "", nil, []string{"query.state.0"}},
		{"a Last-Event-ID that is no number", "GET", "/v1/events", "", []string{"Last-Event-ID: abc"}, []string{"header.Last-Event-ID"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := w.root().do(c.method, c.path, c.body, c.headers...).problem(400, "invalid_request")
			var got []string
			for _, f := range p.Fields {
				got = append(got, f.Path)
				if f.Message == "" {
					t.Errorf("%s has no message", f.Path)
				}
			}
			if strings.Join(got, " ") != strings.Join(c.fields, " ") {
				t.Errorf("the faults are at %v, want %v: %s", got, c.fields, p.Detail)
			}
		})
	}
	w.root().do("GET", "/v1/plan?through=1&phase=0", "").problem(400, "invalid_request")
	w.root().do("POST", "/v1/operations/some-id/cancel", "{}").problem(400, "invalid_request") // takes no body
	w.root().do("PUT", "/v1/platform", string(example(t)), "If-Match: unquoted").problem(400, "invalid_request")
}

func TestHeadersAndTheTimeOfACallerAreBounded(t *testing.T) {
	w := newWorld(t)
	c, err := net.Dial("unix", w.socket())
	w.must(err)
	defer c.Close()
	srv := w.server.httpServer()
	if srv.ReadHeaderTimeout == 0 || srv.ReadTimeout == 0 || srv.IdleTimeout == 0 || srv.MaxHeaderBytes == 0 {
		t.Error("a connection has no timeouts")
	}
	_, err = c.Write([]byte("GET /v1/version HTTP/1.1\r\nHost: h\r\nX-Long: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"))
	w.must(err)
	answer, err := io.ReadAll(c)
	w.must(err)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 431") {
		t.Errorf("64 KiB of headers were answered with %.60q", answer)
	}
}

func TestABusyPortIsInTheStatusAndTheSocketGoesOn(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	at := netip.MustParseAddrPort(busy.Addr().String())
	var free atomic.Bool
	free.Store(true)
	w := newWorld(t, func(o *Options) {
		good := o.Listen
		o.Listen = func() (netip.AddrPort, bool) {
			if free.Load() {
				return good()
			}
			return at, true
		}
	})
	free.Store(false)
	w.server.follower.Poke()
	w.waitUntil("the status shows the busy port", func() bool {
		var s api.Status
		w.root().do("GET", "/v1/status", "").want(200).decode(&s)
		return len(s.Listeners) == 2 && s.Listeners[0].State == "listening" && s.Listeners[1].State == "failed" &&
			strings.Contains(s.Listeners[1].Detail, "held by process") && s.Listeners[1].Address == at.String()
	})
}

func TestTheStatusTellsTheWholeStory(t *testing.T) {
	w := newWorld(t)
	read := func() (s api.Status) {
		w.root().do("GET", "/v1/status", "").want(200).decode(&s)
		return s
	}
	if s := read(); s.Platform.Present || s.Last != nil || len(s.Running) != 0 {
		t.Errorf("at first: %+v", s)
	}
	w.withPlatform()
	release := w.holdBridge()
	op := w.root().do("POST", "/v1/phases/1/run", "").want(202).operation()
	s := read()
	if !s.Platform.Valid || s.Platform.Name != "waddle-social" || len(s.Running) != 1 || s.Running[0] != op.ID || s.Last.ID != op.ID {
		t.Errorf("while an operation runs: %+v", s)
	}
	if s.TLS == nil || s.TLS.CaFingerprint != w.server.certs.Fingerprint() || !strings.Contains(strings.Join(s.TLS.Names, " "), "127.0.0.1") {
		t.Errorf("the TLS part is %+v", s.TLS)
	}
	release()
	w.root().do("POST", "/v1/operations/"+op.ID+"/cancel?wait=60s", "").want(200)
}

func TestPagesOfOperations(t *testing.T) {
	w := newWorld(t).withPlatform()
	for range 5 {
		w.root().do("POST", "/v1/phases/0/run?wait=60s", "").want(200)
	}
	var ids []string
	for page, path := 0, "/v1/operations?limit=2"; path != ""; page++ {
		var list api.OperationList
		w.root().do("GET", path, "").want(200).decode(&list)
		for _, o := range list.Operations {
			ids = append(ids, o.ID)
		}
		path = ""
		if list.Next != "" {
			path = "/v1/operations?limit=2&page=" + list.Next
		}
	}
	if got := strings.Join(ids, " "); got != "op-00000005 op-00000004 op-00000003 op-00000002 op-00000001" {
		t.Errorf("the pages have %s", got)
	}
	var none api.OperationList
	w.root().do("GET", "/v1/operations?state=failed&state=running", "").want(200).decode(&none)
	if len(none.Operations) != 0 {
		t.Errorf("a filter lets through %+v", none.Operations)
	}
}

func TestMetricsCountWhatHappens(t *testing.T) {
	w := newWorld(t).withPlatform()
	w.root().do("POST", "/v1/phases/1/run?wait=60s", "").want(200)
	w.with("").do("GET", "/v1/version", "").want(401)
	resp, err := w.root().send(context.Background(), "GET", "/v1/events", "")
	w.must(err)
	defer resp.Body.Close()
	w.waitUntil("the metrics have it all", func() bool {
		text := string(w.root().do("GET", "/metrics", "").want(200).body)
		for _, want := range []string{
			`waddle_requests_total{operation="postPhaseRun",status="200"} 1`,
			`waddle_requests_total{operation="getVersion",status="401"} 1`,
			`waddle_auth_failures_total{reason="none"} 1`,
			`waddle_operations_ended_total{state="done"} 1`,
			`waddle_operations_running 0`,
			`waddle_step_duration_seconds_count{state="changed",step="network.bridge"} 1`,
			`waddle_event_streams 1`, `waddle_drift{kind="blocked"} 0`, "go_goroutines ", "process_open_fds ",
		} {
			if !strings.Contains(text, want) {
				return false
			}
		}
		return true
	})
}

func TestTheDocumentComesBackAsItWasWritten(t *testing.T) {
	w := newWorld(t)
	doc := string(example(t)) + "# a comment of mine\n"
	put := w.root().do("PUT", "/v1/platform", doc).want(201)
	got := w.root().do("GET", "/v1/platform", "").want(200)
	if string(got.body) != doc || got.header.Get("ETag") != put.header.Get("ETag") || got.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("%s %s came back:\n%s", got.header.Get("Content-Type"), got.header.Get("ETag"), got.body)
	}
	var full struct {
		Spec struct {
			Network struct{ Internal struct{ CIDR string } }
		}
	}
	w.root().do("GET", "/v1/platform", "", "Accept: application/json").want(200).decode(&full)
	if full.Spec.Network.Internal.CIDR != "10.10.0.0/24" {
		t.Errorf("the JSON lacks the defaults: %+v", full)
	}
	var written api.PlatformWritten
	w.root().do("PUT", "/v1/platform", doc, "If-Match: "+put.header.Get("ETag")).want(200).decode(&written)
	if written.Changed {
		t.Error("the same document is said to be a change")
	}
	bad := w.root().do("PUT", "/v1/platform", strings.Replace(doc, "203.0.113.10/24", "203.0.113.10/99", 1), "If-Match: *").problem(422, "invalid_platform")
	if len(bad.Fields) == 0 || bad.Fields[0].Line == 0 || bad.Fields[0].File != "platform.yaml" {
		t.Errorf("the faults have no places: %+v", bad.Fields)
	}
}

// A look that is going on when the daemon is told to stop is still answered.
func TestARunningRequestMayEndDuringAStop(t *testing.T) {
	host := slowHost{entered: make(chan struct{}), leave: make(chan struct{})}
	w := newWorld(t, func(o *Options) { o.Host = host })
	got := make(chan *reply)
	go func() {
		r, err := w.root().try("GET", "/v1/host", "")
		if err != nil {
			t.Error(err)
		}
		got <- r
	}()
	<-host.entered
	stopped := make(chan error)
	go func() { stopped <- w.stop() }()
	w.waitUntil("the stop has closed the listener", func() bool {
		c, err := net.Dial("unix", w.socket())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Errorf("the stop did not wait for the request: %v", err)
	default:
	}
	close(host.leave)
	(<-got).want(200)
	w.must(<-stopped)
}

// slowHost looks until it is told to leave.
type slowHost struct {
	fakeHost
	entered, leave chan struct{}
}

func (h slowHost) Look() (platform.Facts, error) {
	close(h.entered)
	<-h.leave
	return h.fakeHost.Look()
}

type stuckNetwork struct{ fakeNetwork }

func (stuckNetwork) Seen(ctx context.Context) (api.NetworkView, error) {
	<-ctx.Done()
	return api.NetworkView{}, ctx.Err()
}

func TestALookThatTakesTooLongIsSaid(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Network, o.Limits.RequestTimeout = stuckNetwork{}, 100*time.Millisecond })
	w.root().do("GET", "/v1/network", "").problem(503, "unavailable")
}

// While the API waits for its new address, it answers at the former one, with a
// certificate that is good for both.
func TestTheCertificateIsGoodForTheFormerAddressUntilTheNewOneIsThere(t *testing.T) {
	w := newWorld(t)
	w.server.nameCertificate(netip.MustParseAddr("127.0.0.1"))
	for _, c := range []struct {
		at   string
		want string
	}{{"198.51.100.1", "198.51.100.1"}, {"198.51.100.2", "198.51.100.1 198.51.100.2"}, {"127.0.0.1", ""}} {
		w.server.nameCertificate(netip.MustParseAddr(c.at))
		names, _ := w.server.certs.Current()
		var moved []string
		for _, n := range names {
			if strings.HasPrefix(n, "198.51.100.") {
				moved = append(moved, n)
			}
		}
		if got := strings.Join(moved, " "); got != c.want {
			t.Errorf("with %s the certificate is for %q, want %q", c.at, got, c.want)
		}
	}
}
