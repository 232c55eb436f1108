package journey

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// firewallRollback takes what is in force back, over the socket.
func (h *host) firewallRollback() {
	h.t.Helper()
	if _, err := h.api.PostFirewallRollbackWithResponse(h.t.Context(), client.FirewallRollbackRequest{}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) firewall() client.Firewall {
	h.t.Helper()
	r, err := h.api.GetFirewallWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return *r.JSON200
}

// lockable is a host with phases 0 and 1, the Teleport VM and a stranger on
// vmbr1, and the real daemon.
type lockable struct {
	*host
	teleport, stranger *lab.Node
	token              string
	root               *caller
}

func newLockable(t *testing.T, name string) *lockable {
	h := newHost(t, lab.Options{Name: name})
	h.startWaddled()
	h.setExample()
	h.apply(client.ApplyRequest{})
	x := &lockable{host: h, token: h.token("operator", "operate"), root: h.overSocket()}
	x.teleport, x.stranger = h.plugNode(102, teleportAddress), h.plugNode(666, "10.10.0.99")
	return x
}

func (x *lockable) fromTeleport() *caller { return x.overTLS(x.teleport, teleportAddress, x.token) }

// kept is a caller whose connection stays open from one request to the next.
func kept(c *caller) *caller {
	k := *c
	k.conns = &http.Transport{}
	return &k
}

func (r *reply) firewall() (f client.Firewall) {
	r.t.Helper()
	r.want(200).decode(&f)
	return f
}

// The way of a lockdown over the API, with real packets: refused before Teleport
// is there, loaded when forced, not confirmed by whom the rules did not have to
// let in, confirmed over a new connection from the Teleport VM.
func TestALockdownCountsOnlyWhenANewConnectionConfirmsIt(t *testing.T) {
	x := newLockable(t, "lockdown")
	if got := x.scanner("22"); got != "22" {
		t.Fatalf("after phase 0 the scanner reaches %q, not SSH alone", got)
	}
	old := kept(x.fromTeleport())
	old.do("GET", "/v1/version", "").want(200)

	refusal := x.root.do("POST", "/v1/firewall/set", `{"profile":"lockdown"}`).problem(409, "needs_not_done")
	if !strings.Contains(strings.Join(refusal.Others, " "), "lockdown.way-in") || !strings.Contains(refusal.Hint, "force") {
		t.Errorf("the refusal before Teleport: %+v", refusal)
	}
	if got := x.scanner("22"); got != "22" {
		t.Fatalf("the refused lockdown has changed what the scanner reaches: %q", got)
	}
	set := x.root.do("POST", "/v1/firewall/set", `{"profile":"lockdown","confirmWithin":"10m","force":true}`).want(200)
	if !strings.Contains(string(set.body), `"forced":true`) {
		t.Errorf("the answer does not say that it was forced: %s", set.body)
	}
	if got := x.scanner(); got != "" {
		t.Errorf("in lockdown the scanner reaches %q", got)
	}
	for _, c := range []struct {
		who  string
		from *caller
	}{
		{"a connection that was open before", old},
		{"the unix socket", x.root},
		{"the host itself over TLS", x.overTLS(x.Host, "10.10.0.1", x.token)},
	} {
		p := c.from.do("POST", "/v1/firewall/confirm", "").problem(409, "proof_needed")
		if p.Hint == "" {
			t.Errorf("%s: the refusal does not say what to do", c.who)
		}
	}
	if x.getsIn(x.stranger, "10.10.0.99", apiAddress, inVain) {
		t.Error("a stranger on vmbr1 reaches the API in lockdown")
	}
	f := x.fromTeleport().do("POST", "/v1/firewall/confirm", "").firewall()
	if f.Confirmed == nil || f.Confirmed.Profile != "lockdown" || f.BootProfile != "lockdown" || f.Confirmed.ConfirmedBy != "token operator" ||
		!strings.Contains(f.Confirmed.Over, teleportAddress) {
		t.Errorf("confirmed from the Teleport VM: %+v", f.Confirmed)
	}
	if changes := x.plan(); len(changes) > 0 {
		t.Errorf("the daemon takes the confirmed lockdown for drift: %+v", changes)
	}
	x.wasNotRepaired()
	x.agrees()
	x.rollsBackWithoutADaemon()
	x.emergencyLetsExactlyThatIn()
	x.badFirewallInput()
	x.sawFirewallEvents("pending", "confirmed")
	x.wasNotRepaired()
}

// wasNotRepaired demands that the reconciler took no change of the profile for drift.
func (h *host) wasNotRepaired() {
	h.t.Helper()
	list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, op := range list.JSON200.Operations {
		if op.Kind == client.OperationKindReconcile {
			h.t.Errorf("the daemon repaired something: %+v", op)
		}
	}
}

// agrees asks the API about connections, makes them, and compares.
func (x *lockable) agrees() {
	t := x.t
	t.Helper()
	asked := 0
	for _, c := range []struct {
		from   string
		node   *lab.Node
		source string
		to     string
		dial   string
	}{
		{"internet", x.Scanner, "", "host:22/tcp", "203.0.113.10:22"},
		{"internet", x.Scanner, "", "host:8006/tcp", "203.0.113.10:8006"},
		{"teleport", x.teleport, teleportAddress, "host:22/tcp", "10.10.0.1:22"},
		{"teleport", x.teleport, teleportAddress, "host:8006/tcp", "10.10.0.1:8006"},
		{"teleport", x.teleport, teleportAddress, "host:7443/tcp", "10.10.0.1:7443"},
		{"10.10.0.99", x.stranger, "10.10.0.99", "host:22/tcp", "10.10.0.1:22"},
		{"10.10.0.99", x.stranger, "10.10.0.99", "host:7443/tcp", "10.10.0.1:7443"},
		{"10.10.0.99", x.stranger, "10.10.0.99", "203.0.113.10:22/tcp", "203.0.113.10:22"},
	} {
		var d client.FirewallDecision
		x.root.do("GET", "/v1/firewall/test?from="+url.QueryEscape(c.from)+"&to="+url.QueryEscape(c.to), "").want(200).decode(&d)
		allowed := d.Verdict == "allowed"
		came := x.getsIn(c.node, c.source, c.dial, patienceFor(allowed))
		if allowed != came {
			t.Errorf("test says %s from %s to %s (%s), and a connection comes about: %t", d.Verdict, c.from, c.to, d.Rule, came)
		}
		if d.Rule == "" || d.Profile != string(x.firewall().LiveProfile) {
			t.Errorf("test from %s to %s names no rule, or another profile: %+v", c.from, c.to, d)
		}
		asked++
	}
	fmt.Printf("firewall test: %d answers in profile %s agree with real connections\n", asked, x.firewall().LiveProfile)
}

// rollsBackWithoutADaemon kills the daemon while a change waits.
func (x *lockable) rollsBackWithoutADaemon() {
	t := x.t
	t.Helper()
	const within = 4 * time.Second
	asked := time.Now()
	x.root.do("POST", "/v1/firewall/set", fmt.Sprintf(`{"profile":"initial","confirmWithin":"%s"}`, within)).want(200)
	deadline := time.Now().Add(within) // the change's is a little earlier
	if err := x.KillDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !x.reachesBefore(asked.Add(within), x.Scanner, "22") {
		t.Error("while it waits, the initial profile does not let SSH in")
	}
	if x.reaches(x.Scanner, "8006", inVain) {
		t.Error("the initial profile lets the scanner reach the user interface")
	}
	x.await(time.Minute, "the rollback without a daemon", func() bool { return !x.reaches(x.Scanner, "22", inVain) && time.Now().After(deadline) })
	fmt.Printf("firewall: rolled back with the daemon killed, seen %s after the deadline\n", time.Since(deadline).Round(10*time.Millisecond))
	x.startWaddled()
	x.root = x.overSocket()
	if f := x.firewall(); f.Pending != nil || f.Last == nil || f.Last.Result != "rolled back" || f.LiveProfile != "lockdown" {
		t.Errorf("after the rollback: %+v", f)
	}

	x.root.do("POST", "/v1/firewall/set", `{"profile":"open"}`).want(200)
	if got := x.scanner("22", "8006"); got != "22 8006" {
		t.Errorf("in the open profile the scanner reaches %q", got)
	}
	x.root.do("POST", "/v1/firewall/rollback", "").want(200)
	if got := x.scanner(); got != "" {
		t.Errorf("after the rollback by hand the scanner reaches %q", got)
	}
}

func (x *lockable) emergencyLetsExactlyThatIn() {
	t := x.t
	t.Helper()
	const lasts = 4 * time.Second
	asked := time.Now()
	x.root.do("POST", "/v1/firewall/emergency", fmt.Sprintf(`{"from":["%s"],"for":"%s","ui":true}`, lab.ScannerAddr, lasts)).want(200)
	if !x.reachesBefore(asked.Add(lasts), x.Scanner, "8006") {
		t.Error("the emergency for the UI does not let the scanner reach it")
	}
	if x.reaches(x.Scanner, "22", inVain) {
		t.Error("the emergency for the UI lets the scanner reach SSH")
	}
	if x.reaches(x.Internet, "8006", inVain) {
		t.Error("the emergency lets somebody in who was not named")
	}
	x.await(time.Minute, "the emergency has ended by itself", func() bool { return x.scanner() == "" && x.firewall().Emergency == nil })
	if f := x.firewall(); f.LiveProfile != "lockdown" {
		t.Errorf("after the emergency: %+v", f)
	}
}

func (x *lockable) badFirewallInput() {
	t := x.t
	t.Helper()
	before := x.firewall()
	for _, c := range []struct{ path, body, says string }{
		{"set", `{"profile":"closed"}`, "open"},
		{"set", `{"profile":"open","confirmWithin":"2h"}`, "1h0m0s"},
		{"set", `{"profile":"open","confirmWithin":"-1s"}`, "confirmWithin"},
		{"emergency", `{"from":["10.0.0.0/40"]}`, "neither an address nor a network"},
		{"emergency", `{"from":["::/0"]}`, "everybody"},
		{"emergency", `{"from":["198.51.100.7"],"for":"30h"}`, "24h0m0s"},
	} {
		if p := x.root.do("POST", "/v1/firewall/"+c.path, c.body).problem(400, "invalid_request"); !strings.Contains(p.Detail+fmt.Sprint(p.Fields), c.says) {
			t.Errorf("%s %s: %+v", c.path, c.body, p)
		}
	}
	x.root.do("GET", "/v1/firewall/test?from=internet&to=host:70000/tcp", "").problem(400, "invalid_request")
	if after := x.firewall(); after.Last == nil || *after.Last != *before.Last {
		t.Errorf("bad input has changed something: %+v", after.Last)
	}
	codes := make(chan int)
	for range 2 {
		go func() {
			r, err := x.overSocket().try("POST", "/v1/firewall/set", `{"profile":"initial"}`)
			if err != nil {
				codes <- 0
				return
			}
			codes <- r.status
		}()
	}
	if a, b := <-codes, <-codes; a+b != 200+409 {
		t.Errorf("of two sets at once one has to be taken and one refused: %d and %d", a, b)
	}
	x.root.do("POST", "/v1/firewall/rollback", "").want(200)
}

// sawFirewallEvents wants the first of the firewall's events in this order, and
// one of each kind in all.
func (x *lockable) sawFirewallEvents(first ...string) {
	x.t.Helper()
	missing := map[string]bool{"pending": true, "confirmed": true, "rolled back": true, "emergency": true, "emergency over": true}
	x.eventsUntil(func(e client.Event) bool {
		if e.Type != "firewall" {
			return false
		}
		if len(first) > 0 {
			if e.State != first[0] {
				x.t.Errorf("the event %q came, want %q", e.State, first[0])
			}
			first = first[1:]
		}
		delete(missing, e.State)
		return len(missing) == 0
	})
}

// After a confirmed lockdown a whole undo leaves the host as it was, and a later
// apply begins anew with phase 0's profile.
func TestAnUndoForgetsTheConfirmedProfile(t *testing.T) {
	h := newHost(t, lab.Options{Name: "forget"})
	h.startWaddled()
	h.setExample()
	before, rules := h.snapshot(), h.rawRules()
	h.apply(client.ApplyRequest{})
	root := h.overSocket()
	root.do("POST", "/v1/firewall/set", `{"profile":"lockdown","force":true}`).want(200)
	refused := root.do("POST", "/v1/phases/1/undo?wait=2m", "").want(200).operation()
	if refused.State != client.OperationStateFailed || refused.Error == nil || refused.Error.Code != "change_pending" {
		t.Errorf("while a change waits, an undo ended %s: %+v", refused.State, refused.Error)
	}
	if f := h.firewall(); f.Pending == nil || f.LiveProfile != "lockdown" {
		t.Fatalf("the refused undo has touched the change that waits: %+v", f)
	}
	root.do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).want(200)
	if shown := string(root.do("GET", "/v1/phases/0/undo", "").want(200).body); !strings.Contains(shown, "firewall profile") {
		t.Errorf("what the undo would do does not say that the profile is forgotten: %s", shown)
	}
	h.wasNotRepaired()
	h.undo(1)
	h.undo(0)
	if after := h.snapshot(); after != before {
		t.Errorf("the host is not as it was (-before +after):\n%s", cmp.Diff(before, after))
	}
	if after := h.rawRules(); after != rules {
		t.Errorf("the rules are not byte for byte as they were (-before +after):\n%s", cmp.Diff(rules, after))
	}
	if f := h.firewall(); f.LiveProfile != "none" || f.Confirmed != nil {
		t.Errorf("after the undo: %+v", f)
	}
	h.apply(client.ApplyRequest{})
	if f := h.firewall(); f.LiveProfile != "initial" || f.Confirmed != nil {
		t.Errorf("after a new apply: %+v", f)
	}
	if got := h.scanner("22"); got != "22" {
		t.Errorf("after a new apply the scanner should reach port 22 and not 8006, and reaches %q", got)
	}
}
