package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

func withFirewall(t *testing.T) *world {
	w := newWorld(t).withPlatform()
	w.withPhase0()
	return w
}

func (r *reply) firewall() (f api.Firewall) {
	r.t.Helper()
	r.want(200).decode(&f)
	return f
}

func (r *reply) pending() (p api.FirewallPending) {
	r.t.Helper()
	r.want(200).decode(&p)
	return p
}

func TestAProfileIsSetConfirmedAndRolledBackOverTheSocket(t *testing.T) {
	w := withFirewall(t)
	c := w.root()
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.LiveProfile != "initial" || f.BootProfile != "initial" || f.Confirmed != nil {
		t.Fatalf("at first: %+v", f)
	}
	p := c.do("POST", "/v1/firewall/set", `{"profile":"open"}`).pending()
	if p.By != "uid 0 (root)" || p.From != "unix" || p.SecondsLeft < 100 || p.SecondsLeft > 120 || p.Forced {
		t.Errorf("pending: %+v", p)
	}
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.LiveProfile != "open" || f.BootProfile != "initial" || f.Pending == nil || f.Pending.ID != p.ID {
		t.Errorf("while it is pending: %+v", f)
	}
	refused := c.do("POST", "/v1/firewall/set", `{"profile":"initial"}`).problem(409, "change_pending")
	if len(refused.Others) != 1 || refused.Others[0] != p.ID || refused.Hint == "" {
		t.Errorf("the refusal of a second change: %+v", refused)
	}
	if r := c.do("POST", "/v1/firewall/confirm", "{}").problem(409, "proof_needed"); !strings.Contains(r.Hint, "--i-am-on-the-console") {
		t.Errorf("the refusal over the socket does not say what to do: %+v", r)
	}
	f := c.do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).firewall()
	if f.Pending != nil || f.Confirmed == nil || f.Confirmed.ID != p.ID || f.Confirmed.ConfirmedBy != "uid 0 (root)" || f.BootProfile != "open" {
		t.Errorf("confirmed: %+v", f)
	}
	c.do("POST", "/v1/firewall/confirm", `{"id":"`+p.ID+`","onTheConsole":true}`).want(200) // again
	c.do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).problem(409, "nothing_pending")
	c.do("POST", "/v1/firewall/rollback", "").problem(409, "nothing_pending")
	c.do("POST", "/v1/firewall/set", `{"profile":"initial","confirmWithin":"90s"}`).want(200)
	f = c.do("POST", "/v1/firewall/rollback", "").firewall()
	if f.LiveProfile != "open" || f.Last == nil || f.Last.Result != "rolled back" || f.Last.Reason != "rolled back by uid 0 (root)" {
		t.Errorf("rolled back: %+v", f)
	}
	if got := w.changes.Load(); got != 4 {
		t.Errorf("the reconciler was woken %d times by 4 changes", got)
	}
	w.sawEvents("pending", "confirmed", "pending", "rolled back")
}

// sawEvents wants these states of the firewall's events, in order.
func (w *world) sawEvents(states ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for e, err := range w.engine.Events(ctx, engine.EventFilter{}) {
		w.must(err)
		if e.Type != "firewall" {
			continue
		}
		if e.State != states[0] || e.Message == "" {
			w.t.Errorf("the event %+v came, want the state %q", e, states[0])
		}
		if states = states[1:]; len(states) == 0 {
			return
		}
	}
	w.t.Errorf("the events %q did not come", states)
}

// A confirmation over TLS counts over a connection from elsewhere that was
// accepted after the change. The loopback, which every profile lets in, never
// does.
func TestOverTLSOnlyANewConnectionFromElsewhereConfirms(t *testing.T) {
	w := withFirewall(t)
	secret, _ := w.token("operator", "operate")
	c := w.with(secret)
	p := c.do("POST", "/v1/firewall/set", `{"profile":"open"}`).pending()
	if p.By != "token operator" || !strings.HasPrefix(p.From, "127.0.0.1:") {
		t.Errorf("pending: %+v", p)
	}
	fresh := w.with(secret)
	fresh.do("POST", "/v1/firewall/confirm", "").problem(409, "proof_needed")
	for _, row := range []struct {
		name   string
		opened time.Duration
		status int
	}{
		{"the connection was open before", 1, 409},
		{"the connection has no mark", 0, 409},
		{"the connection was opened after", confirm.Boottime(), 200},
	} {
		if got := w.confirmFrom("10.10.0.2:50000", secret, row.opened, `{}`); got != row.status {
			t.Errorf("%s: %d, want %d", row.name, got, row.status)
		}
	}
	p = c.do("POST", "/v1/firewall/set", `{"profile":"initial"}`).pending()
	if got := w.confirmFrom("10.10.0.2:50000", secret, confirm.Boottime(), `{"onTheConsole":true}`); got != 400 {
		t.Errorf("somebody far away who claims to be at the console gets %d", got)
	}
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.Pending == nil || f.Pending.ID != p.ID {
		t.Errorf("the change does not wait any more: %+v", f)
	}
}

// confirmFrom hands the server a request as if its connection had come from
// there at that time.
func (w *world) confirmFrom(remote, secret string, opened time.Duration, body string) int {
	w.t.Helper()
	ctx := context.Background()
	if opened > 0 {
		ctx = context.WithValue(ctx, openedKey{}, opened)
	}
	r, err := http.NewRequestWithContext(ctx, "POST", "https://10.10.0.1:7443/v1/firewall/confirm", strings.NewReader(body))
	w.must(err)
	r.RemoteAddr = remote
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/json")
	a := &deadlineRecorder{httptest.NewRecorder()}
	w.server.Handler().ServeHTTP(a, r)
	return a.Code
}

func TestALockdownWaitsForTeleportUnlessItIsForced(t *testing.T) {
	w := withFirewall(t)
	c := w.root()
	p := c.do("POST", "/v1/firewall/set", `{"profile":"lockdown"}`).problem(409, "needs_not_done")
	if len(p.Others) != 1 || p.Others[0] != "teleport.install" {
		t.Errorf("the refusal names %v", p.Others)
	}
	if got := c.do("POST", "/v1/firewall/set", `{"profile":"lockdown","force":true}`, "Waddle-SSH-Connection: 198.51.100.9 50000 203.0.113.10 22").pending(); !got.Forced {
		t.Errorf("pending: %+v", got)
	} else if !strings.Contains(got.Note, "198.51.100.9") {
		t.Errorf("the caller's own session could not be opened again, and the note says %q", got.Note)
	}
	c.do("POST", "/v1/firewall/rollback", "{}").want(200)
	w.set("teleport.install", true)
	if got := c.do("POST", "/v1/firewall/set", `{"profile":"lockdown","force":true}`).pending(); got.Forced {
		t.Error("what needed no force counts as forced")
	}
	f := c.do("GET", "/v1/firewall?rules=true", "").firewall()
	if len(f.Pins) != 4 || len(f.Rules) == 0 || f.Rules[0].Packets == nil {
		t.Errorf("lockdown without pins, or without counters: %+v", f)
	}
}

func TestBadInputToTheFirewallIsRefusedWithWhatIsAllowed(t *testing.T) {
	w := withFirewall(t)
	c := w.root()
	for _, row := range []struct{ path, body, code, says string }{
		{"set", `{"profile":"closed"}`, "invalid_request", "lockdown"},
		{"set", `{}`, "invalid_request", "profile"},
		{"set", `{"profile":"open","confirmWithin":"forever"}`, "invalid_request", "confirmWithin"},
		{"set", `{"profile":"open","confirmWithin":"2h"}`, "invalid_request", "1h0m0s"},
		{"set", `{"profile":"open","confirmWithin":"0s"}`, "invalid_request", "confirmWithin"},
		{"set", `{"profile":"open","forced":true}`, "invalid_request", "forced"},
		{"emergency", `{"from":["198.51.100.7/33"]}`, "invalid_request", "198.51.100.7/33"},
		{"emergency", `{"from":["0.0.0.0/0"]}`, "invalid_request", "everybody"},
		{"emergency", `{"from":["0.0.0.0/1","128.0.0.0/1"]}`, "invalid_request", "/8 to /32"},
		{"emergency", `{"from":[]}`, "invalid_request", "from"},
		{"emergency", `{"from":["198.51.100.7"],"for":"25h"}`, "invalid_request", "24h0m0s"},
		{"emergency", `{"from":["::ffff:198.51.100.0/120"]}`, "invalid_request", "neither an address nor a network"},
		{"confirm", `{"id":"Not An Id"}`, "invalid_request", "id"},
		{"rollback", `{"id":"change-00000000"}`, "nothing_pending", "change-00000000"},
	} {
		status := map[string]int{"invalid_request": 400, "nothing_pending": 409}[row.code]
		p := c.do("POST", "/v1/firewall/"+row.path, row.body).problem(status, row.code)
		all := p.Detail
		for _, f := range p.Fields {
			all += " " + f.Path + " " + f.Message + " " + f.Allowed
		}
		if !strings.Contains(all, row.says) || p.Hint == "" {
			t.Errorf("%s %s: %q, hint %q", row.path, row.body, all, p.Hint)
		}
	}
	for target, says := range map[string]string{
		"host:0/tcp": "1 to 65535", "host:22/sctp": "tcp, udp and ping", "host": "no port", "node-9:22/tcp": "node-1 to node-3",
		"nobody:22/tcp": "neither a name", "2001:db8::1:22/tcp": "brackets",
	} {
		r := c.do("GET", "/v1/firewall/test?from=internet&to="+target, "")
		if r.status != 400 && r.status != 404 || !strings.Contains(string(r.body), says) {
			t.Errorf("test to %s: %d %s", target, r.status, r.body)
		}
	}
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.Pending != nil || f.Last != nil {
		t.Errorf("bad input changed something: %+v", f)
	}
}

func TestNothingIsSetBeforePhase0(t *testing.T) {
	w := newWorld(t).withPlatform()
	w.root().do("POST", "/v1/firewall/set", `{"profile":"initial"}`).problem(409, "needs_not_done")
	if f := w.root().do("GET", "/v1/firewall", "").firewall(); f.LiveProfile != "none" {
		t.Errorf("%+v", f)
	}
}

func TestAnEmergencyIsBegunShownAndEnded(t *testing.T) {
	w := withFirewall(t)
	c := w.root()
	var e api.FirewallEmergency
	c.do("POST", "/v1/firewall/emergency", `{"from":["198.51.100.7"],"for":"5m","ui":true}`).want(200).decode(&e)
	if len(e.Ports) != 1 || e.Ports[0] != 8006 || e.SecondsLeft < 290 || e.From[0] != "198.51.100.7/32" || e.By != "uid 0 (root)" {
		t.Errorf("%+v", e)
	}
	c.do("POST", "/v1/firewall/set", `{"profile":"open"}`).problem(409, "change_pending")
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.LiveProfile != "emergency" || f.Emergency == nil {
		t.Errorf("%+v", f)
	}
	if f := c.do("POST", "/v1/firewall/rollback", "").firewall(); f.LiveProfile != "initial" || f.Emergency != nil {
		t.Errorf("%+v", f)
	}
	w.sawEvents("emergency", "emergency over")
}

func TestDiffShowsWhatIsPendingAndWhatHasDrifted(t *testing.T) {
	w := withFirewall(t)
	c := w.root()
	diff := func() (d api.FirewallDiff) {
		c.do("GET", "/v1/firewall/diff", "").want(200).decode(&d)
		return d
	}
	if d := diff(); len(d.Pending)+len(d.Drift) != 0 {
		t.Errorf("at rest: %+v", d)
	}
	c.do("POST", "/v1/firewall/set", `{"profile":"open"}`).want(200)
	if d := diff(); len(d.Pending) == 0 || len(d.Drift) != 0 {
		t.Errorf("while open is pending: %+v", d)
	}
	w.rules.mu.Lock()
	w.rules.loaded.V6 = nil
	w.rules.mu.Unlock()
	if d := diff(); len(d.Drift) != 2 || d.Drift[0].Kind != "create" {
		t.Errorf("after the IPv6 chains have gone: %+v", d.Drift)
	}
}

func TestADamagedStateIsSaidAndChangesNothing(t *testing.T) {
	w := withFirewall(t)
	w.must(os.WriteFile(filepath.Join(w.firewallDir(), "state.json"), []byte("{"), 0o600))
	c := w.root()
	if f := c.do("GET", "/v1/firewall", "").firewall(); f.Damaged == "" || f.LiveProfile != "unknown" {
		t.Errorf("%+v", f)
	}
	for _, call := range []string{`set {"profile":"open"}`, `confirm {"onTheConsole":true}`, `rollback {}`} {
		path, body, _ := strings.Cut(call, " ")
		if p := c.do("POST", "/v1/firewall/"+path, body).problem(500, "rules_damaged"); !strings.Contains(p.Hint, "docs/recovery.md") {
			t.Errorf("%s: %+v", path, p)
		}
	}
}
