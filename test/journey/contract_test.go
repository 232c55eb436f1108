package journey

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/server/contract"
	"github.com/waddle-social/waddle/internal/server/contracttest"
	"github.com/waddle-social/waddle/internal/server/token"
	"github.com/waddle-social/waddle/internal/state"
)

// exchanges is a host whose every exchange with the daemon is checked against
// the contract and counted.
type exchanges struct {
	*host
	all, overTLSOnly *contracttest.Recorder
	root             *caller
	vm               *lab.Node // on vmbr1, once that is there
	dead             []string  // secrets that were good once
	document         string
}

// Every operation of the contract is called on the real daemon, over the socket
// and over TLS, every documented status is seen, and every exchange is as the
// contract says.
func TestEveryDocumentedStatusOfEveryOperationIsSeenOnARealHost(t *testing.T) {
	x := newExchanges(t)
	for _, part := range []struct {
		name string
		run  func(*exchanges)
	}{
		{"without a platform", (*exchanges).withoutPlatform},
		{"writing the platform", (*exchanges).writing},
		{"planning", (*exchanges).planning},
		{"the firewall", (*exchanges).firewalling},
		{"operations that are held up", (*exchanges).running},
		{"gates", (*exchanges).gates},
		{"volumes", (*exchanges).volumes},
		{"virtual machines", (*exchanges).machines},
		{"tokens", (*exchanges).tokens},
		{"what each operation answers alike", (*exchanges).alike},
		{"every operation over TLS", (*exchanges).everythingOverTLS},
		{"callers who are not let in", (*exchanges).shutOut},
	} {
		part.run(x)
		if t.Failed() {
			t.Fatalf("while looking at %s", part.name)
		}
	}
	x.report()
}

// newExchanges starts a daemon without a platform document that knows a token
// which has expired. No token can be made that expires within a test, so that one
// is made as of two days ago, while the daemon is down.
func newExchanges(t *testing.T) *exchanges {
	x := &exchanges{host: newHost(t, lab.Options{Name: "contract"})}
	var err error
	for _, r := range []**contracttest.Recorder{&x.all, &x.overTLSOnly} {
		if *r, err = contracttest.New(); err != nil {
			t.Fatal(err)
		}
	}
	x.document = vmDocument(t)
	x.start()
	if err := x.StopDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.dead = append(x.dead, x.expiredToken())
	x.startWaddled(x.holdingPath())
	x.root = x.overSocket(x.all.Transport)
	return x
}

func (x *exchanges) expiredToken() string {
	x.t.Helper()
	db, err := state.Open(filepath.Join(x.Host.Root(), "/var/lib/waddle/state.db"), state.Options{})
	if err != nil {
		x.t.Fatal(err)
	}
	twoDaysAgo := func() time.Time { return time.Now().Add(-48 * time.Hour) }
	tokens, err := token.Open(db, twoDaysAgo)
	if err != nil {
		x.t.Fatal(err)
	}
	secret, _, err := tokens.Create("expired", []token.Scope{token.Admin}, 24*time.Hour, "a test")
	if err != nil {
		x.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		x.t.Fatal(err)
	}
	return secret
}

// holdFile holds up whoever loads rules: the step that does so runs until it is gone.
const holdFile = "/run/.lab/hold"

// holdingPath puts scripts before iptables-restore that wait while holdFile is
// there, and returns the PATH that has them first.
func (h *host) holdingPath() string {
	h.t.Helper()
	h.run("mkdir -p /run/.lab/holding")
	for _, name := range []string{"iptables-restore", "ip6tables-restore"} {
		script := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *' --test '*) ;; *) while [ -e %s ]; do sleep 0.05; done ;; esac\nPATH=${PATH#*:}\nexec %s \"$@\"\n", holdFile, name)
		if err := h.Host.WriteFile("/run/.lab/holding/"+name, []byte(script), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	return "PATH=/run/.lab/holding:" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
}

func (h *host) hold() (release func()) {
	h.t.Helper()
	h.run(": > " + holdFile)
	return func() { h.run("rm -f " + holdFile) }
}

const platformPath = "/etc/waddle/platform.yaml"

func (x *exchanges) withoutPlatform() {
	for _, call := range []string{"GET /v1/platform", "GET /v1/plan", "GET /v1/phases", "GET /v1/phases/1", "GET /v1/phases/1/undo",
		"POST /v1/phases/1/run", "POST /v1/phases/1/undo", "POST /v1/apply", "POST /v1/phases/0/steps/host.console/acknowledge", "GET " + askFirewall} {
		method, path, _ := strings.Cut(call, " ")
		x.root.do(method, path, "").problem(404, "no_platform")
	}
	x.everyStorageCall(404, "no_platform")
	x.root.do("POST", "/v1/firewall/set", `{"profile":"open"}`).problem(404, "no_platform")
	x.root.do("GET", "/v1/export/opentofu", "").problem(404, "no_platform")
	x.everyVMCall(404, "no_platform")
}

func (x *exchanges) writing() {
	c := x.root
	c.do("POST", "/v1/platform/validate", x.document).want(200)
	c.do("POST", "/v1/platform/validate", "kind: Platfrom\n").problem(422, "invalid_platform")
	c.do("PUT", "/v1/platform", "kind: Platfrom\n").problem(422, "invalid_platform")
	etag := c.do("PUT", "/v1/platform", x.document).want(201).header.Get("ETag")
	x.document += "# the second\n"
	c.do("PUT", "/v1/platform", x.document).problem(428, "precondition_needed")
	c.do("PUT", "/v1/platform", x.document, `If-Match: "another"`).problem(412, "precondition_failed")
	c.do("PUT", "/v1/platform", x.document, "If-Match: "+etag, sshOddPort).problem(409, "would_cut_connection")
	c.do("PUT", "/v1/platform", x.document, "If-Match: "+etag).want(200)
}

func (x *exchanges) planning() {
	c := x.root
	x.everyStorageCall(409, "needs_not_done", "getStorage", "getCSIValues", "getCSIValuesRevealed")
	x.everyVMCall(409, "needs_not_done") // there is no token of Proxmox yet
	good := x.run("cat " + platformPath)
	x.run("echo 'kind: Platfrom' > " + platformPath)
	x.everyStorageCall(422, "invalid_platform")
	x.everyVMCall(422, "invalid_platform")
	c.do("GET", "/v1/platform", "").want(200) // as text, for repair
	c.do("GET", "/v1/platform", "", "Accept: application/json").problem(422, "invalid_platform")
	for _, call := range []string{"GET /v1/plan", "GET /v1/phases", "GET /v1/phases/1", "GET /v1/phases/1/undo", "POST /v1/apply",
		"DELETE /v1/phases/0/steps/host.console/acknowledge", "GET " + askFirewall} {
		method, path, _ := strings.Cut(call, " ")
		c.do(method, path, "").problem(422, "invalid_platform")
	}
	c.do("GET", "/v1/export/opentofu", "").problem(422, "invalid_platform")
	if err := x.Host.WriteFile(platformPath, []byte(good), 0o640); err != nil {
		x.t.Fatal(err)
	}
	for _, path := range []string{"/v1/plan?through=1", "/v1/phases", "/v1/phases/1", "/v1/phases/1/undo"} {
		c.do("GET", path, "").want(200)
	}
	c.do("GET", "/v1/plan?phase=77", "").problem(404, "not_found")
}

const askFirewall = "/v1/firewall/test?from=internet&to=host:8006/tcp"

// firewalling is about a host on which phase 0 alone is applied, and which is
// then as it was again.
func (x *exchanges) firewalling() {
	c := x.root
	c.do("GET", "/v1/firewall", "").want(200)
	c.do("GET", askFirewall, "").want(200)
	c.do("POST", "/v1/firewall/set", `{"profile":"initial"}`).problem(409, "needs_not_done")
	x.ended(c.do("POST", "/v1/phases/0/run", "").want(202).operation().ID)
	c.do("POST", "/v1/firewall/set", `{"profile":"open"}`, "Idempotency-Key: firewall-key").want(200)
	c.do("POST", "/v1/firewall/set", `{"profile":"initial"}`, "Idempotency-Key: firewall-key").problem(422, "idempotency_reused")
	c.do("GET", "/v1/firewall?rules=true", "").want(200)
	c.do("GET", "/v1/firewall/diff", "").want(200)
	c.do("POST", "/v1/firewall/confirm", "").problem(409, "proof_needed")
	c.do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).want(200)
	c.do("POST", "/v1/firewall/rollback", "").problem(409, "nothing_pending")
	c.do("POST", "/v1/firewall/emergency", `{"from":["198.51.100.7"]}`).want(200)
	c.do("POST", "/v1/firewall/rollback", "").want(200)
	x.ended(c.do("POST", "/v1/phases/0/undo", "").want(202).operation().ID)
}

// running holds the step that loads the rules of phase 0, looks at what the
// others are told meanwhile, and then lets everything run to its end.
func (x *exchanges) running() {
	c := x.root
	c.do("POST", "/v1/phases/1/undo", "").problem(409, "not_undoable")
	release := x.hold()
	op := c.do("POST", "/v1/apply", `{"through":1}`).want(202).operation()
	for _, path := range []string{"/v1/apply", "/v1/phases/0/run"} {
		p := c.do("POST", path, "").problem(409, "operation_running")
		if len(p.Others) != 1 || p.Others[0] != op.ID {
			x.t.Errorf("%s: the refusal names %v, the operation that runs is %s", path, p.Others, op.ID)
		}
	}
	c.do("POST", "/v1/phases/1/run", "").problem(409, "operation_running")
	until, stop := c.stream("/v1/operations/" + op.ID + "/events")
	if !until("step") {
		x.t.Error("the running operation's stream shows no step")
	}
	stop()
	cancel := "/v1/operations/" + op.ID + "/cancel"
	c.do("POST", cancel, "").want(202)
	c.do("GET", "/v1/operations/"+op.ID, "").want(200)
	c.do("GET", "/v1/operations?state=running", "").want(200)
	release()
	if got := c.do("POST", cancel+"?wait=120s", "", "Idempotency-Key: cancel-it").want(200).operation(); got.State != client.OperationStateCancelled {
		x.t.Errorf("the cancelled operation ended %s", got.State)
	}
	c.do("POST", cancel+"?wait=121s", "", "Idempotency-Key: cancel-it").problem(422, "idempotency_reused")

	for _, path := range []string{"/v1/apply", "/v1/phases/1/run", "/v1/phases/1/undo"} {
		c.do("POST", path+"?wait=120s", "", "Idempotency-Key: key-of-"+path).want(200)
		c.do("POST", path+"?wait=121s", "", "Idempotency-Key: key-of-"+path).problem(422, "idempotency_reused")
	}
	for _, path := range []string{"/v1/phases/1/run", "/v1/phases/1/undo", "/v1/apply"} {
		x.ended(c.do("POST", path, "").want(202).operation().ID)
	}
	for _, call := range []string{"GET /v1/operations/nothing", "POST /v1/operations/nothing/cancel", "GET /v1/operations/nothing/events"} {
		method, path, _ := strings.Cut(call, " ")
		c.do(method, path, "").problem(404, "not_found")
	}
}

func (x *exchanges) gates() {
	c := x.root
	const gate = "/v1/phases/0/steps/host.console/acknowledge"
	c.do("POST", "/v1/phases/2/steps/teleport.install/acknowledge", `{"note":"too early"}`).problem(409, "gate_not_open")
	c.do("POST", gate, `{"note":"seen"}`, "Idempotency-Key: gate-key").want(204)
	c.do("POST", gate, `{"note":"other"}`, "Idempotency-Key: gate-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/phases/0/steps/nothing/acknowledge", "").problem(404, "not_found")
	c.do("DELETE", gate, "").want(204)
	c.do("DELETE", gate, "").problem(404, "not_found")
	c.do("POST", gate, `{"note":"seen"}`).want(204)
	c.do("PUT", "/v1/host/root-password", `{"generate":true}`).want(200)
}

func (x *exchanges) tokens() {
	c := x.root
	made := c.do("POST", "/v1/tokens", `{"name":"once","scopes":["admin"]}`, "Idempotency-Key: token-key").want(201)
	c.do("POST", "/v1/tokens", `{"name":"twice","scopes":["read"]}`, "Idempotency-Key: token-key").problem(422, "idempotency_reused")
	c.do("POST", "/v1/tokens", `{"name":"once","scopes":["read"]}`).problem(409, "conflict")
	var token client.TokenCreated
	made.decode(&token)
	c.do("DELETE", "/v1/tokens/"+token.Token.ID, "").want(204)
	c.do("DELETE", "/v1/tokens/"+token.Token.ID, "").problem(404, "not_found")
	x.dead = append(x.dead, token.Secret)
}

// alike is what the contract's description says of each operation.
func (x *exchanges) alike() {
	member, nobody := x.as(65534, x.waddleGID(), x.waddleGID()), x.as(65534, 65534, x.waddleGID())
	member.do("GET", "/v1/version", "").want(200)
	if _, err := x.as(65534, 65534, 65534).try("GET", "/v1/version", ""); err == nil || !strings.Contains(err.Error(), "permission denied") {
		x.t.Errorf("a user without the group connects to the socket: %v", err)
	}
	for _, op := range x.all.Operations() {
		path := pathOf(op)
		x.root.do(op.Method, strings.SplitN(path, "?", 2)[0]+"?nonsense=1", bodyFor(op)).problem(400, "invalid_request")
		if op.HasBody {
			x.root.do(op.Method, path, strings.Repeat("# long\n", 40_000)).problem(413, "too_large")
			x.root.do(op.Method, path, "x", "Content-Type: text/plain").problem(415, "unsupported_media")
		}
		if op.Scope != "" {
			nobody.do(op.Method, path, bodyFor(op)).problem(403, "forbidden")
		}
	}
}

// everythingOverTLS calls each operation once with the least scope that it
// needs, from a VM, and those that a lesser scope does not cover with that.
func (x *exchanges) everythingOverTLS() {
	addresses := []string{ciAddress}
	for n := range (len(x.all.Operations()) + failures) / failures {
		addresses = append(addresses, strangers+strconv.Itoa(n))
	}
	x.vm = x.plugCI(append(addresses, attacker)...)
	with := map[string]*caller{}
	for _, scope := range []client.Scope{"read", "operate", "admin"} {
		with[string(scope)] = x.fromVM(ciAddress, x.token("ci-"+string(scope), scope))
	}
	op := with["operate"].do("POST", "/v1/phases/1/run?wait=120s", "{}").want(200).operation()
	made := with["admin"].do("POST", "/v1/tokens", `{"name":"made-over-tls","scopes":["read"]}`).want(201)
	var token client.TokenCreated
	made.decode(&token)
	for _, c := range append(x.vmCallsOverTLS(), []callOverTLS{
		{"GET /healthz", "", "read"},
		{"GET /metrics", "", "read"},
		{"GET /openapi.json", "", "read"},
		{"GET /v1/version", "", "read"},
		{"GET /v1/status", "", "read"},
		{"GET /v1/platform", "", "read"},
		{"GET /v1/platform/schema", "", "read"},
		{"POST /v1/platform/validate", x.document, "read"},
		{"GET /v1/host", "", "read"},
		{"GET /v1/plan", "", "read"},
		{"GET /v1/phases", "", "read"},
		{"GET /v1/phases/1", "", "read"},
		{"GET /v1/phases/1/undo", "", "read"},
		{"GET /v1/operations", "", "read"},
		{"GET /v1/operations/" + op.ID, "", "read"},
		{"GET /v1/operations/" + op.ID + "/events", "", "read"},
		{"GET /v1/preflight", "", "read"},
		{"GET /v1/export/opentofu", "", "read"},
		{"GET /v1/network", "", "read"},
		{"GET /v1/firewall", "", "read"},
		{"GET /v1/firewall/diff", "", "read"},
		{"GET " + askFirewall, "", "read"},
		{"POST /v1/firewall/set", `{"profile":"initial"}`, "operate"},
		{"POST /v1/firewall/rollback", "", "operate"},
		{"GET /v1/storage", "", "read"},
		{"GET /v1/storage/volumes", "", "read"},
		{"GET /v1/storage/sessions", "", "read"},
		{"GET /v1/storage/orphans", "", "read"},
		{"GET /v1/storage/adoption", "", "read"},
		{"GET /v1/storage/csi-values", "", "read"},
		{"GET /v1/storage/csi-values/revealed", "", "admin"},
		{"POST /v1/storage/volumes", storageBodies["postVolume"], "operate"},
		{"GET " + volumePath, "", "read"},
		{"POST " + volumePath + "/resize", storageBodies["postVolumeResize"], "operate"},
		{"POST " + volumePath + "/snapshots", storageBodies["postVolumeSnapshot"], "operate"},
		{"POST " + volumePath + "/rollback", storageBodies["postVolumeRollback"], "admin"},
		{"POST " + volumePath + "/clone", `{"name":"tls-copy"}`, "operate"},
		{"POST " + volumePath + "/move", "", "operate"},
		{"DELETE /v1/storage/volumes/tls-copy?confirm=tls-copy", "", "admin"},
		{"DELETE " + volumePath + "/snapshots/" + snapshot, "", "admin"},
		{"POST /v1/storage/repair?wait=120s", "", "operate"},
		{"POST /v1/storage/adoption?wait=120s", "", "operate"},
		{"PUT /v1/platform", x.document, "operate"},
		{"POST /v1/phases/0/run?wait=120s", "{}", "operate"},
		{"POST /v1/apply?wait=120s", `{"through":1}`, "operate"},
		{"POST /v1/operations/" + op.ID + "/cancel", "", "operate"},
		{"POST /v1/phases/0/steps/host.console/acknowledge", `{"note":"seen"}`, "operate"},
		{"DELETE /v1/phases/0/steps/host.console/acknowledge", "", "operate"},
		{"PUT /v1/host/root-password", `{"password":"correct horse battery staple"}`, "admin"},
		{"GET /v1/tokens", "", "admin"},
		{"DELETE /v1/tokens/" + token.Token.ID, "", "admin"},
	}...) {
		method, path, _ := strings.Cut(c.call, " ")
		for lesser := range scopesBelow(c.scope) {
			with[lesser].do(method, path, c.body).problem(403, "forbidden")
		}
		if r := with[c.scope].do(method, path, c.body, "If-Match: *"); r.status >= 300 {
			x.t.Errorf("%s over TLS with the scope %s: %d %s", c.call, c.scope, r.status, r.body)
		}
	}
	with["read"].do("POST", "/v1/firewall/emergency", `{"from":["198.51.100.7"]}`).problem(403, "forbidden")
	with["operate"].do("POST", "/v1/firewall/emergency", `{"from":["198.51.100.7"]}`).want(200)
	x.root.do("POST", "/v1/firewall/rollback", "").want(200) // in an emergency nothing lets CI in
	with["operate"].do("POST", "/v1/firewall/set", `{"profile":"initial"}`).want(200)
	x.fromVM(ciAddress, x.token("ci-fresh", "operate")).do("POST", "/v1/firewall/confirm", "").want(200)
	until, stop := with["read"].stream("/v1/events")
	with["operate"].do("POST", "/v1/phases/0/run?wait=120s", "{}").want(200)
	if !until("operation") {
		x.t.Error("the stream of all events shows no operation")
	}
	stop()
	with["operate"].do("POST", "/v1/phases/1/undo", "{}").problem(409, "would_cut_connection")
	x.finished(x.root.do("POST", "/v1/phases/2/undo?wait=2m", "{}").want(200).operation().ID) // the VM stands on phase 1
	// A bridge without a port of the host's has the MAC of one of its VMs', and another one when that goes.
	if out, err := x.vm.Run(x.t.Context(), "ip", "neigh", "flush", "all"); err != nil {
		x.t.Fatal(out, err)
	}
	// The undo that over TLS only force starts, and that fails because the caller is plugged in.
	x.awaitEnd(with["operate"].do("POST", "/v1/phases/1/undo", `{"force":true}`).want(202).operation().ID)
	for _, op := range x.overTLSOnly.Operations() {
		if !x.succeededOverTLS(op.ID) {
			x.t.Errorf("%s has not succeeded over TLS", op.ID)
		}
	}
}

// awaitEnd waits for an operation, however it ends.
func (x *exchanges) awaitEnd(id string) {
	x.t.Helper()
	if _, err := x.api.Wait(x.t.Context(), id); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exchanges) succeededOverTLS(operation string) bool {
	for _, line := range x.overTLSOnly.Seen() {
		if strings.HasPrefix(line, operation+" 2") {
			return true
		}
	}
	return false
}

// scopesBelow are those that do not cover a scope.
func scopesBelow(scope string) map[string]bool {
	switch scope {
	case "operate":
		return map[string]bool{"read": true}
	case "admin":
		return map[string]bool{"read": true, "operate": true}
	}
	return nil
}

// An address has failures, then it is turned away. So each few operations see
// callers from another address, and the last one has had too many.
const (
	failures  = 8
	strangers = "10.10.0.5" // and a digit
	attacker  = "10.10.0.60"
)

// shutOut calls each operation without a token, with a wrong, an expired and a
// revoked one, and from an address that has failed too often.
func (x *exchanges) shutOut() {
	kinds := append([]string{"", "waddle_" + strings.Repeat("A", 43)}, x.dead...)
	n := 0
	for _, op := range x.all.Operations() {
		if op.Scope == "" {
			x.fromVM(ciAddress, "").do(op.Method, pathOf(op), "").want(200)
			continue
		}
		c := x.fromVM(strangers+strconv.Itoa(n/failures), kinds[n%len(kinds)])
		p := c.do(op.Method, pathOf(op), bodyFor(op)).problem(401, "unauthenticated")
		if p.Hint == "" {
			x.t.Errorf("%s: the refusal does not say what to do", op.ID)
		}
		n++
	}
	other := x.fromVM(attacker, kinds[1])
	for _, op := range x.all.Operations() {
		if op.Scope == "" {
			continue
		}
		for tries := 0; other.do("GET", "/v1/version", "").status != 429; tries++ { // a failure is given back every six seconds
			if tries > 20 {
				x.t.Fatal("20 failed authentications from one address and no 429")
			}
		}
		r := other.do(op.Method, pathOf(op), bodyFor(op))
		r.problem(429, "too_many_attempts")
		if after, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || after < 1 || after > 60 {
			x.t.Errorf("%s: Retry-After is %q", op.ID, r.header.Get("Retry-After"))
		}
	}
	x.fromVM(attacker, x.token("neighbour", "read")).do("GET", "/v1/version", "").want(200)
}

// report prints what was seen and fails for what was not.
func (x *exchanges) report() {
	x.t.Helper()
	if missing := x.all.Missing(); len(missing) > 0 {
		x.t.Errorf("documented statuses that were not seen:\n%s", strings.Join(missing, "\n"))
	}
	for _, r := range []*contracttest.Recorder{x.all, x.overTLSOnly} {
		if err := r.Err(); err != nil {
			x.t.Errorf("exchanges that were not as the contract says: %v", err)
		}
	}
	documented, made := 0, 0
	for _, op := range x.all.Operations() {
		documented += len(op.Statuses)
		line := ""
		for _, status := range op.Statuses {
			n := timesSeen(x.t, x.all, op.ID+" "+status)
			made += n
			line += fmt.Sprintf(" %s×%d", status, n)
		}
		fmt.Printf("contract: %-22s%s\n", op.ID, line)
	}
	fmt.Printf("contract: %d operations, %d documented statuses, %d seen (%d of them over TLS) in %d exchanges\n",
		len(x.all.Operations()), documented, len(x.all.Seen()), len(x.overTLSOnly.Seen()), made)
}

func timesSeen(t *testing.T, r *contracttest.Recorder, what string) int {
	t.Helper()
	for _, line := range r.Seen() {
		if n, ok := strings.CutPrefix(line, what+" "); ok {
			times, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			return times
		}
	}
	return 0
}

func (x *exchanges) fromVM(address, secret string) *caller {
	x.t.Helper()
	return x.overTLS(x.vm, address, secret, x.overTLSOnly.Transport, x.all.Transport)
}

// as calls over the unix socket as another user. fsgid is the group that the
// kernel opens files with (setfsgid(2)); whoever is called sees gid.
// Credentials belong to threads, and this one ends with the call.
func (x *exchanges) as(uid, gid, fsgid int) *caller {
	return x.caller("http://waddled", &http.Transport{DialContext: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = x.Host.Do(func() (err error) {
			if err := becomeThread(uid, gid, fsgid); err != nil {
				return err
			}
			conn, err = new(net.Dialer).DialContext(ctx, "unix", "/run/waddle/waddled.sock")
			return err
		})
		return conn, err
	}}, []func(http.RoundTripper) http.RoundTripper{x.all.Transport})
}

// becomeThread changes the calling thread alone, which the functions of the
// package syscall do not.
func becomeThread(uid, gid, fsgid int) error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
		return fmt.Errorf("cannot set the thread's group: %w", e)
	}
	if err := unix.Setfsgid(fsgid); err != nil {
		return fmt.Errorf("cannot set the thread's group for files: %w", err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
		return fmt.Errorf("cannot set the thread's user: %w", e)
	}
	return nil
}

func (x *exchanges) waddleGID() int {
	x.t.Helper()
	gid, err := strconv.Atoi(strings.TrimSpace(x.run("getent group waddle | cut -d: -f3")))
	if err != nil {
		x.t.Fatal(err)
	}
	return gid
}

// pathOf is the operation's path with something in its places, and what it
// cannot do without.
func pathOf(op contract.Operation) string {
	path := strings.NewReplacer("{phase}", "0", "{id}", "some-id", "{step}", "some.step", "{volume}", volume, "{snapshot}", snapshot).Replace(op.Path)
	path = strings.NewReplacer("{vm}", "teleport", "{image}", "debian").Replace(path)
	switch op.ID {
	case "deleteVolume":
		path += "?confirm=" + volume
	case "deleteVM":
		path += "?confirm=teleport"
	}
	return path
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
