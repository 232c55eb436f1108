package journey

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

const (
	apiAddress = "10.10.0.1:7443" // the example's
	ciAddress  = "10.10.0.40"     // a VM on vmbr1 that CI runs on
)

// Where the two callers that are to be cut come from, as sshd would say.
const (
	sshInternal = "Waddle-SSH-Connection: 10.10.0.40 50000 10.10.0.1 22"
	sshOddPort  = "Waddle-SSH-Connection: 198.51.100.7 50000 203.0.113.10 2222"
)

func TestTheTLSListenerIsThereWithTheAddressAndOutlivesItAndTheDaemon(t *testing.T) {
	h := newHost(t, lab.Options{Name: "access"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	ci := h.overTLS(h.plugCI(ciAddress), ciAddress, h.token("ci", "operate"))
	ci.do("GET", "/v1/status", "").want(200) // the first attempt after the apply

	stream, stop := ci.stream("/v1/events")
	h.run("ip addr del 10.10.0.1/24 dev vmbr1")
	began := time.Now()
	h.await(time.Minute, "the address is back", func() bool { return strings.Contains(h.run("ip -4 addr show vmbr1"), "10.10.0.1/24") })
	fmt.Printf("access: the address was back after %s\n", time.Since(began).Round(10*time.Millisecond))
	ci.do("GET", "/v1/status", "").want(200)
	if !stream("repaired") {
		t.Error("the event stream that was open while the address went did not go on")
	}
	stop()

	for _, end := range []struct {
		name string
		stop func(context.Context) error
	}{{"was stopped", h.StopDaemon}, {"was killed", h.KillDaemon}} {
		if err := end.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := ci.try("GET", "/healthz", ""); err == nil {
			t.Fatalf("the API answers after the daemon %s", end.name)
		}
		h.start()
		h.await(time.Minute, "the API answers over TLS after the daemon "+end.name, func() bool {
			r, err := ci.try("GET", "/v1/status", "")
			return err == nil && r.status == 200
		})
	}
}

func TestABusyPortIsOneClearLineAndDoesNotTakeTheDaemonDown(t *testing.T) {
	h := newHost(t, lab.Options{Name: "busyport"})
	squatter, err := h.Host.Listen(t.Context(), "tcp4", "0.0.0.0:7443")
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	h.setExample()
	want := fmt.Sprintf("cannot listen on %s: the port is held by process %d (", apiAddress, os.Getpid())
	h.await(time.Minute, "the status says who holds the port", func() bool {
		l := h.tlsListener()
		return l.State == client.ListenerStateFailed && strings.HasPrefix(l.Detail, want)
	})
	time.Sleep(3500 * time.Millisecond) // two more attempts, after one and after three seconds
	if lines := h.logged("does not listen"); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("the log has %d lines about the port, want one with %q:\n%s", len(lines), want, strings.Join(lines, "\n"))
	}
	h.apply(client.ApplyRequest{})
	if err := squatter.Close(); err != nil {
		t.Fatal(err)
	}
	h.await(2*time.Minute, "the API listens once the port is free", func() bool { return h.tlsListener().State == client.ListenerStateListening })
	h.overTLS(h.plugCI(ciAddress), ciAddress, h.token("ci", "read")).do("GET", "/v1/status", "").want(200)
}

func TestACallersOwnConnectionIsNotCutUnlessForced(t *testing.T) {
	h := newHost(t, lab.Options{Name: "cut"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	vm := h.plugCI(ciAddress, "10.20.0.40")
	secret := h.token("ci", "operate")
	root, ci := h.overSocket(), h.overTLS(vm, ciAddress, secret)
	h.cutsAreRefused(root, ci)

	moved := movedDocument(t)
	ci.do("PUT", "/v1/platform?force=true", moved, "If-Match: *").want(200)
	ci.do("GET", "/v1/status", "").want(200) // where it was, until the new address is there
	ci.do("POST", "/v1/apply", `{"through":1}`).problem(409, "would_cut_connection")
	moving := ci.do("POST", "/v1/apply", `{"through":1,"force":true}`).want(202).operation()
	h.await(time.Minute, "the API answers on its new address", func() bool {
		c := h.overTLS(vm, "10.20.0.40", secret)
		c.base = "https://10.20.0.1:7443"
		r, err := c.try("GET", "/v1/status", "")
		return err == nil && r.status == 200
	})
	h.ended(moving.ID)

	root.do("POST", "/v1/phases/1/undo?wait=2m", "{}", "Waddle-SSH-Connection: 10.20.0.40 50000 10.20.0.1 22").problem(409, "would_cut_connection")
	op := root.do("POST", "/v1/phases/1/undo?wait=2m", `{"force":true}`, "Waddle-SSH-Connection: 10.20.0.40 50000 10.20.0.1 22").want(200).operation()
	if op.Error == nil || op.Error.Code != "conflict" || !strings.Contains(op.Error.Detail, "tap") {
		t.Errorf("an undo that would pull the bridge from under a VM ended %s: %+v", op.State, op.Error)
	}
	h.unplug(vm)
	h.await(time.Minute, "the undo runs, after a repair that may be going on", func() bool {
		r := root.do("POST", "/v1/phases/1/undo?wait=2m", `{"force":true}`, "Waddle-SSH-Connection: 10.20.0.40 50000 10.20.0.1 22")
		if r.status == 409 {
			r.problem(409, "operation_running")
			return false
		}
		op = r.want(200).operation()
		return true
	})
	if op.State != client.OperationStateDone {
		t.Errorf("the forced undo ended %s: %+v", op.State, op.Error)
	}
}

// cutsAreRefused demands a refusal that changes nothing for each way in and each
// call that would cut it.
func (h *host) cutsAreRefused(root, ci *caller) {
	h.t.Helper()
	document := h.run("cat /etc/waddle/platform.yaml")
	before := h.snapshot()
	for _, c := range []struct {
		name         string
		by           *caller
		method, path string
		body         string
		header       string
		reason       string
	}{
		{"a document that moves the internal network, over TLS", ci, "PUT", "/v1/platform", movedDocument(h.t), "If-Match: *", "internal address becomes 10.20.0.1"},
		{"an undo of phase 1, over TLS", ci, "POST", "/v1/phases/1/undo", "{}", "Accept: */*", "takes away 10.10.0.1"},
		{"a document that moves the internal network, over SSH to the internal address", root, "PUT", "/v1/platform", movedDocument(h.t), sshInternal, "internal address becomes 10.20.0.1"},
		{"an undo of phase 1, over SSH to the internal address", root, "POST", "/v1/phases/1/undo", "{}", sshInternal, "takes away 10.10.0.1"},
		{"an apply by a session on a port that phase 0 does not open", root, "POST", "/v1/apply", `{"through":1}`, sshOddPort, "let SSH in on port 22"},
		{"a run of phase 0 by a session on a port that it does not open", root, "POST", "/v1/phases/0/run", "{}", sshOddPort, "let SSH in on port 22"},
	} {
		p := c.by.do(c.method, c.path, c.body, c.header, "If-Match: *").problem(409, "would_cut_connection")
		if !strings.Contains(p.Detail, c.reason) || !strings.Contains(p.Hint, "force") {
			h.t.Errorf("%s: the refusal says %q and %q, want %q and how to force it", c.name, p.Detail, p.Hint, c.reason)
		}
	}
	if now := h.run("cat /etc/waddle/platform.yaml"); now != document {
		h.t.Errorf("a refused call changed the document (-before +now):\n%s", cmp.Diff(document, now))
	}
	if now := h.snapshot(); now != before {
		h.t.Errorf("a refused call changed the host (-before +now):\n%s", cmp.Diff(before, now))
	}
	root.do("POST", "/v1/phases/0/run?wait=2m", `{"force":true}`, sshOddPort).want(200)
}

// movedDocument is the example with another internal network.
func movedDocument(t *testing.T) string {
	t.Helper()
	document, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(document), "  network:\n", "  network:\n    internal:\n      cidr: 10.20.0.0/24\n", 1)
}

// plugCI puts a VM with these addresses on vmbr1.
func (h *host) plugCI(addresses ...string) *lab.Node {
	h.t.Helper()
	vm := lab.VM{Name: "ci", VMID: 140, Bridge: "vmbr1", Gateway: netip.MustParseAddr("10.10.0.1")}
	for _, a := range addresses {
		vm.Addresses = append(vm.Addresses, netip.MustParsePrefix(a+"/24"))
	}
	n, err := h.Plug(h.t.Context(), vm)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// token makes a token and returns its secret.
func (h *host) token(name string, scopes ...client.Scope) string {
	h.t.Helper()
	made, err := h.api.PostTokenWithResponse(h.t.Context(), nil, client.TokenRequest{Name: name, Scopes: scopes})
	if err != nil {
		h.t.Fatal(err)
	}
	return made.JSON201.Secret
}

func (h *host) tlsListener() (l client.Listener) {
	h.t.Helper()
	status, err := h.api.GetStatusWithResponse(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, l = range status.JSON200.Listeners {
		if l.Network == client.ListenerNetworkTCP {
			return l
		}
	}
	return client.Listener{}
}

// logged returns the lines of the daemon's log that hold the words.
func (h *host) logged(words string) (found []string) {
	h.t.Helper()
	log, err := os.ReadFile(h.DaemonLog())
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

func (h *host) await(patience time.Duration, what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// callPatience is longer than the longest wait that a test asks for.
const callPatience = 3 * time.Minute

// caller sends requests one way.
type caller struct {
	t     *testing.T
	base  string
	head  http.Header
	http  *http.Client
	conns *http.Transport // one for each request: no call meets the connection of a daemon that has ended
}

// overSocket calls over the unix socket as root; wrap may look at what goes through.
func (h *host) overSocket(wrap ...func(http.RoundTripper) http.RoundTripper) *caller {
	return h.caller("http://waddled", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.Socket())
	}}, wrap)
}

// overTLS calls from one of a VM's addresses; an empty secret sends no token.
func (h *host) overTLS(vm *lab.Node, from, secret string, wrap ...func(http.RoundTripper) http.RoundTripper) *caller {
	h.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(h.ca()) {
		h.t.Fatal("the daemon's ca.crt holds no certificate")
	}
	dialer := net.Dialer{Timeout: atOnce, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c := h.caller("https://"+apiAddress, &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = vm.Do(func() (err error) {
				conn, err = dialer.DialContext(ctx, network, address)
				return err
			})
			return conn, err
		},
	}, wrap)
	if secret != "" {
		c.head.Set("Authorization", "Bearer "+secret)
	}
	return c
}

// ca is the daemon's CA certificate, as an operator would copy it.
func (h *host) ca() []byte {
	h.t.Helper()
	pem, err := h.Host.ReadFile("/var/lib/waddle/tls/ca.crt")
	if err != nil {
		h.t.Fatal(err)
	}
	return pem
}

func (h *host) caller(base string, t *http.Transport, wrap []func(http.RoundTripper) http.RoundTripper) *caller {
	var through http.RoundTripper = t
	for _, w := range wrap {
		through = w(through)
	}
	return &caller{t: h.t, base: base, head: http.Header{}, http: &http.Client{Transport: through, Timeout: callPatience}, conns: t}
}

// reply is an answer that was read.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// do sends a request. A body that begins with { is JSON, another one YAML;
// headers are "Name: value".
func (c *caller) do(method, path, body string, headers ...string) *reply {
	c.t.Helper()
	r, err := c.try(method, path, body, headers...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (c *caller) try(method, path, body string, headers ...string) (*reply, error) {
	defer c.conns.CloseIdleConnections()
	resp, err := c.send(c.t.Context(), method, path, body, headers...)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return &reply{c.t, method + " " + path, resp.StatusCode, resp.Header, data}, err
}

func (c *caller) send(ctx context.Context, method, path, body string, headers ...string) (*http.Response, error) {
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

// stream opens an event stream. until reads on to the first event of a type and
// reports whether one came within a minute.
func (c *caller) stream(path string) (until func(kind string) bool, stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Minute)
	resp, err := c.send(ctx, "GET", path, "")
	if err != nil {
		cancel()
		c.t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	until = func(kind string) bool {
		defer time.AfterFunc(time.Minute, cancel).Stop()
		for lines.Scan() {
			if lines.Text() == "event: "+kind {
				return true
			}
		}
		return false
	}
	return until, func() {
		cancel()
		_ = resp.Body.Close()
	}
}

func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: got %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// problem wants a problem with the code and returns it.
func (r *reply) problem(status int, code string) (p client.Problem) {
	r.t.Helper()
	r.want(status)
	r.decode(&p)
	if p.Code != code || p.Status != status {
		r.t.Fatalf("%s: got the problem %s %d (%s), want %s %d", r.what, p.Code, p.Status, p.Detail, code, status)
	}
	return p
}

func (r *reply) operation() (op client.Operation) {
	r.t.Helper()
	r.decode(&op)
	return op
}

func (r *reply) decode(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		r.t.Fatalf("%s: cannot decode %q: %v", r.what, r.body, err)
	}
}
