package phase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/internal/storage"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

var lockedAt = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// gates is a host in lockdown, seen through fakes.
type gates struct {
	t       *testing.T
	p       *platform.Platform
	state   confirm.State
	wanted  confirm.Wanted
	loaded  netfw.Finding
	ways    ways
	acks    acks
	outside *place
	app     engine.Evidence
	probes  *Probes
}

// place is somewhere outside.
type place struct {
	mu    sync.Mutex
	open  map[netip.AddrPort]bool
	none  error
	tried []netip.AddrPort
}

func (o *place) Connect(_ context.Context, to netip.AddrPort) (Connection, error) {
	o.mu.Lock()
	o.tried = append(o.tried, to)
	o.mu.Unlock()
	if o.none != nil {
		return Connection{}, o.none
	}
	if o.open[to] {
		return Connection{From: "VM 102", Answered: true, Detail: "the connection was opened"}, nil
	}
	return Connection{From: "VM 102", Detail: "no answer within 4s"}, nil
}

func (g *gates) State(context.Context) (confirm.State, error) { return g.state, nil }

func (g *gates) Wanted(context.Context) (confirm.Wanted, error) { return g.wanted, nil }

func (g *gates) Hold(ctx context.Context, do func(context.Context, confirm.Wanted) error) error {
	return do(ctx, g.wanted)
}

func (g *gates) Release(ctx context.Context, undo func(context.Context) error) error {
	return undo(ctx)
}

// kernel is the network driver as far as phase 3 asks it.
type kernel struct {
	Network
	g *gates
}

func (k kernel) LookRules(_ context.Context, c netfw.RuleConfig) (netfw.Finding, error) {
	if c.Profile != netfw.Lockdown || c.Parts != netfw.PartInput {
		k.g.t.Errorf("the kernel is compared with %s, parts %b", c.Profile, c.Parts)
	}
	return k.g.loaded, nil
}

func newGates(t *testing.T) *gates {
	t.Helper()
	g := &gates{t: t, p: example(t), acks: acks{}, outside: &place{}}
	g.state.Confirmed = &confirm.Confirmed{
		ID: "change-1", Profile: netfw.Lockdown, SetAt: lockedAt, At: lockedAt.Add(time.Minute),
		By: "token ci", ConfirmedBy: "token ops", Over: "a new connection from 10.10.0.2",
	}
	c := Rules(g.p)
	c.Profile = netfw.Lockdown
	set, err := netfw.Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	g.wanted = confirm.Wanted{Live: netfw.Lockdown, Boot: netfw.Lockdown, LiveRules: &set, BootRules: &set}
	g.again()
	return g
}

// again is a daemon that was started anew.
func (g *gates) again() {
	g.probes = &Probes{Outside: g.outside}
}

func (g *gates) step(id string) *engine.Step {
	g.t.Helper()
	graph, err := Build(g.p, "r1", Drivers{Network: kernel{g: g}, Firewall: g, Access: &g.ways, Machines: machines.New(machines.Options{}), Storage: storage.NewService(storage.ServiceOptions{}), Acknowledgements: g.acks, Probes: g.probes})
	if err != nil {
		g.t.Fatal(err)
	}
	return stepOf(g.t, graph, id)
}

func (g *gates) check(id string) engine.Result {
	g.t.Helper()
	// The UI is asked over the network; what it said is put where it would be remembered.
	if g.app.What != "" {
		g.app.At = time.Now()
		g.probes.once("app "+string(g.p.Spec.DNS.Proxmox), func() engine.Evidence { return g.app })
	}
	r, err := g.step(id).Check(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// told is a result in one line for each piece of evidence.
func told(r engine.Result) string {
	lines := []string{string(r.State) + ": " + r.Reason}
	for _, e := range r.Evidence {
		lines = append(lines, fmt.Sprintf("%s %s | %s | %s", e.Verdict, e.What, e.From, e.Answer))
	}
	return strings.Join(lines, "\n")
}

func TestTheLockdownsRulesAreDoneOnceTheyAreConfirmedAndLoaded(t *testing.T) {
	until := confirm.Deadline{Wall: lockedAt.Add(time.Hour)}
	for name, c := range map[string]struct {
		change func(*gates)
		state  engine.State
		says   string
	}{
		"confirmed and loaded":          {func(*gates) {}, engine.Done, "proves profile lockdown, change-1 | token ops | confirmed over a new connection from 10.10.0.2; set by token ci"},
		"no profile was ever confirmed": {func(g *gates) { g.state.Confirmed = nil }, engine.Unknown, "no firewall profile was confirmed yet"},
		"another one is":                {func(g *gates) { g.state.Confirmed.Profile = netfw.Initial }, engine.Unknown, "in force is the profile initial"},
		"lockdown waits for its confirmation": {func(g *gates) {
			g.state.Confirmed.Profile = netfw.Initial
			g.wanted.Pending = &confirm.Pending{ID: "change-2", Profile: netfw.Lockdown, By: "ada", Deadline: until}
		}, engine.Unknown, "change-2 to lockdown by ada waits until 2026-11-24T07:00:00Z for: waddle firewall confirm"},
		"another profile is tried": {func(g *gates) {
			g.wanted.Pending = &confirm.Pending{ID: "change-2", Profile: netfw.Open, By: "ada", Deadline: until}
		}, engine.Unknown, "change-2 to the profile open by ada is loaded"},
		"an emergency opens a door": {func(g *gates) {
			g.wanted.Emergency = &confirm.Emergency{By: "root at the console", Until: until, Ports: []uint16{22}, Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}}
		}, engine.Unknown, "an emergency by root at the console is in force until 2026-11-24T07:00:00Z: TCP [22] is open to [198.51.100.7/32]"},
		"somebody has deleted a rule": {func(g *gates) {
			g.loaded.Differences = []netfw.Difference{{Kind: netfw.Create, Object: "rule ipv4/filter WADDLE-INPUT"}}
		}, engine.Unknown, "differ from it in 1 places; step firewall.input puts them back"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGates(t)
			c.change(g)
			if r := g.check("lockdown.rules"); r.State != c.state || !strings.Contains(told(r), c.says) {
				t.Errorf("it answers\n%s\nwant %s, %q", told(r), c.state, c.says)
			}
		})
	}
	s := newGates(t).step("lockdown.rules")
	if s.Apply != nil || s.Gate == nil || s.Gate.Acknowledge {
		t.Error("an apply, or a person's word, could close the host")
	}
	for _, need := range []string{"firewall.pins", "lockdown.way-in", "host.console"} {
		if !slices.Contains(s.Needs, need) {
			t.Errorf("it does not need %s", need)
		}
	}
}

var (
	uiPort   = netip.MustParseAddrPort("203.0.113.10:8006")
	proven   = engine.Evidence{What: "GET https://proxmox.waddle.social/", From: "this host", Answer: "302 to Teleport's login", Verdict: engine.Proves}
	silent   = engine.Evidence{What: "GET https://proxmox.waddle.social/", From: "this host", Answer: "no route", Verdict: engine.Inconclusive}
	unlocked = engine.Evidence{What: "GET https://proxmox.waddle.social/", From: "this host", Answer: "200 OK without a login", Verdict: engine.Contradicts}
)

func TestTheGateOfTheUIClosesByWhatIsSeenAndNotByAWordAgainstIt(t *testing.T) {
	ack := func(at time.Time) acks {
		return acks{"lockdown.proxmox-ui": {By: engine.Caller{Name: "token ops"}, At: at, Note: "seen from my phone"}}
	}
	after, before := lockedAt.Add(time.Hour), lockedAt.Add(-time.Hour)
	none := &NoOutsideError{"there is no VM yet"}
	for name, c := range map[string]struct {
		app  engine.Evidence
		open bool
		none error
		acks acks
		done bool
		says string
	}{
		"all is seen":                              {proven, false, nil, acks{}, true, "proves TCP 203.0.113.10:8006 | VM 102 | no answer within 4s"},
		"the rules are shown beside it":            {proven, false, none, ack(after), true, "proves rules for TCP 203.0.113.10:8006 from the internet | the rule set in force | drop: rule"},
		"nobody can look from outside":             {proven, false, none, acks{}, false, "inconclusive TCP 203.0.113.10:8006 | outside | not tried: there is no VM yet"},
		"somebody has looked instead":              {proven, false, none, ack(after), true, "proves acknowledgement | token ops | seen from my phone"},
		"somebody had looked before the lockdown":  {proven, false, none, ack(before), false, "inconclusive acknowledgement | token ops | given before the lockdown in force was set at 2026-11-24T06:00:00Z"},
		"Teleport is not reached from here":        {silent, false, nil, acks{}, false, "unknown: open https://proxmox"},
		"somebody has reached it":                  {silent, false, nil, ack(after), true, "inconclusive GET https://proxmox"},
		"8006 answers, whatever is said":           {proven, true, nil, ack(after), false, "unknown: TCP 203.0.113.10:8006 from VM 102: the connection was opened"},
		"the UI asks for no login":                 {unlocked, false, nil, ack(after), false, "unknown: GET https://proxmox.waddle.social/ from this host: 200 OK without a login"},
		"the place outside cannot even be reached": {proven, false, errors.New("defect"), acks{}, false, "not tried: defect"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGates(t)
			g.app, g.acks = c.app, c.acks
			g.outside.none, g.outside.open = c.none, map[netip.AddrPort]bool{uiPort: c.open}
			r := g.check("lockdown.proxmox-ui")
			if got := r.State == engine.Done; got != c.done || !strings.Contains(told(r), c.says) {
				t.Errorf("it answers\n%s\nwant done %v and %q", told(r), c.done, c.says)
			}
			for _, e := range r.Evidence {
				if e.At.IsZero() || e.What == "" || e.From == "" || e.Answer == "" {
					t.Errorf("what was probed, from where, when or the answer is missing: %+v", e)
				}
			}
		})
	}
}

func TestRulesThatLetTheInternetInKeepTheGateOpen(t *testing.T) {
	g := newGates(t)
	g.app, g.outside.none = proven, &NoOutsideError{"no VM"}
	g.acks = acks{"lockdown.proxmox-ui": {At: lockedAt.Add(time.Hour)}}
	set, err := netfw.Rules(Rules(g.p))
	if err != nil {
		t.Fatal(err)
	}
	set.V4 = slices.Clone(set.V4)
	set.V4[0].Rules = append([]string{"-p tcp -m tcp --dport 8006 -j ACCEPT"}, set.V4[0].Rules...)
	g.wanted.LiveRules = &set
	if r := g.check("lockdown.proxmox-ui"); r.State == engine.Done || !strings.Contains(r.Reason, "accept: rule 1 of WADDLE-INPUT, -p tcp -m tcp --dport 8006 -j ACCEPT") {
		t.Errorf("it answers\n%s", told(r))
	}
}

func TestTheGateOfSSHWantsALoginFromTheTeleportVMSinceTheLockdown(t *testing.T) {
	login := func(from string, at time.Time) *access.Login {
		return &access.Login{At: at, From: from, Key: "SHA256:x"}
	}
	for name, c := range map[string]struct {
		login *access.Login
		open  bool
		done  bool
		says  string
	}{
		"one is in the log":           {login("10.10.0.2", lockedAt.Add(time.Minute)), false, true, "proves login of root over SSH | the Teleport VM, 10.10.0.2 | logged in with SHA256:x"},
		"none is":                     {nil, false, false, "inconclusive login of root over SSH | the Teleport VM, 10.10.0.2 | none in the host's log since the lockdown was set at 2026-11-24T06:00:00Z"},
		"one is from before":          {login("10.10.0.2", lockedAt.Add(-time.Minute)), false, false, "inconclusive login"},
		"one is from somebody else":   {login("198.51.100.7", lockedAt.Add(time.Minute)), false, false, "inconclusive login"},
		"but the public side answers": {login("10.10.0.2", lockedAt.Add(time.Minute)), true, false, "unknown: TCP 203.0.113.10:22 from VM 102: the connection was opened"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGates(t)
			g.ways.login = c.login
			g.outside.open = map[netip.AddrPort]bool{netip.MustParseAddrPort("203.0.113.10:22"): c.open}
			r := g.check("lockdown.ssh")
			if got := r.State == engine.Done; got != c.done || !strings.Contains(told(r), c.says) {
				t.Errorf("it answers\n%s\nwant done %v and %q", told(r), c.done, c.says)
			}
		})
	}
}

func TestBeforeTheLockdownTeleportHasToBeSeenAsAWayIn(t *testing.T) {
	for name, c := range map[string]struct {
		app  engine.Evidence
		acks acks
		done bool
	}{
		"it asks for its login":          {proven, acks{}, true},
		"it is not reached":              {silent, acks{}, false},
		"somebody has reached it":        {silent, acks{"lockdown.way-in": {At: lockedAt}}, true},
		"the UI stands there without it": {unlocked, acks{"lockdown.way-in": {At: lockedAt}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGates(t)
			g.state, g.wanted = confirm.State{}, confirm.Wanted{}
			g.app, g.acks = c.app, c.acks
			if r := g.check("lockdown.way-in"); (r.State == engine.Done) != c.done {
				t.Errorf("it answers\n%s\nwant done %v", told(r), c.done)
			}
			if len(g.outside.tried) > 0 {
				t.Error("something was tried from outside")
			}
			g.state = newGates(t).state
			if r := g.check("lockdown.way-in"); r.State != engine.Done || len(r.Evidence) > 0 {
				t.Errorf("once the lockdown is in force it answers\n%s", told(r))
			}
		})
	}
}

func TestBothOfTheHostsPublicAddressesAreTried(t *testing.T) {
	g := newGates(t)
	g.p.Spec.Network.Public.IPv6 = &platform.Uplink{Address: netip.MustParsePrefix("2001:db8:1::10/64"), Gateway: netip.MustParseAddr("2001:db8:1::1")}
	g.app = proven
	r := g.check("lockdown.proxmox-ui")
	if want := "proves rules for TCP [2001:db8:1::10]:8006 from the internet | the rule set in force | drop"; !strings.Contains(told(r), want) || len(g.outside.tried) != 2 {
		t.Errorf("tried %v:\n%s", g.outside.tried, told(r))
	}
}

// The console has to be looked at anew under each lockdown, and a word that came
// too early can be given again.
func TestTheConsoleIsAcknowledgedByNameAndTimeUnderEachLockdown(t *testing.T) {
	g := newGates(t)
	db, err := state.Open(filepath.Join(t.TempDir(), "state.db"), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var against []engine.Evidence // seen on the way
	see := func(context.Context, since) ([]engine.Evidence, error) { return against, nil }
	var e *engine.Engine
	e, err = engine.New(engine.Options{State: db, Source: func(context.Context) (*engine.Graph, error) {
		l := lockdown{g.p, Drivers{Network: kernel{g: g}, Firewall: g, Access: &g.ways, Acknowledgements: e, Probes: g.probes}}
		return engine.NewGraph("r1", []engine.Step{l.gate(engine.Step{ID: "lockdown.console", Area: "firewall"}, "log in", l.inForce, see)})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	look := func() engine.Result {
		t.Helper()
		p, err := e.Plan(t.Context(), engine.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		return p.Steps[0].Result
	}
	ack := func(by string) {
		t.Helper()
		if err := e.Acknowledge(t.Context(), "lockdown.console", engine.Caller{Name: by}, "KVM"); err != nil {
			t.Fatal(err)
		}
	}
	if r := look(); r.State == engine.Done || r.Reason != "log in" {
		t.Errorf("nobody has said anything: %s", told(r))
	}
	g.state.Confirmed.SetAt = time.Now().Add(-time.Second)
	ack("ada")
	ack("grace") // the first word counts
	if r := look(); r.State != engine.Done || told(r) != "done: \nproves acknowledgement | ada | KVM" || r.Evidence[0].At.IsZero() {
		t.Errorf("acknowledged: %s", told(r))
	}
	g.state.Confirmed.ID, g.state.Confirmed.SetAt = "change-2", time.Now()
	if r := look(); r.State == engine.Done || !strings.Contains(told(r), "inconclusive acknowledgement | ada | given before the lockdown in force") {
		t.Errorf("under a new lockdown: %s", told(r))
	}
	ack("grace")
	if r := look(); r.State != engine.Done || !strings.Contains(told(r), "proves acknowledgement | grace") {
		t.Errorf("acknowledged again: %s", told(r))
	}
	if err := e.Withdraw(t.Context(), "lockdown.console", engine.Caller{Name: "grace"}); err != nil {
		t.Fatal(err)
	}
	if r := look(); r.State == engine.Done || len(r.Evidence) > 0 {
		t.Errorf("withdrawn: %s", told(r))
	}
	if err := e.Withdraw(t.Context(), "lockdown.console", engine.Caller{Name: "grace"}); !problem.Is(err, problem.NotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}
	against = []engine.Evidence{unlocked}
	err = e.Acknowledge(t.Context(), "lockdown.console", engine.Caller{Name: "ada"}, "")
	if !problem.Is(err, problem.GateNotOpen) || !strings.Contains(err.Error(), "speaks against it: GET https://proxmox.waddle.social/ from this host: 200 OK without a login") {
		t.Errorf("a word against what is seen: %v", err)
	}
}

// The reconciler goes by what was seen last and sends nothing; people who ask at
// once share one attempt.
func TestOnlyWhoAsksCausesTraffic(t *testing.T) {
	g := newGates(t)
	const id = "lockdown.proxmox-ui"
	g.app = proven
	if r := g.check(id); r.State != engine.Done {
		t.Fatal(told(r))
	}
	once := len(g.outside.tried)
	g.check(id)
	if len(g.outside.tried) != once || once == 0 {
		t.Errorf("one who asks causes %d attempts, two cause %d", once, len(g.outside.tried))
	}
	g.app = engine.Evidence{}
	if r := g.reconciled(id); r != nil {
		t.Errorf("the reconciler reports %+v", *r)
	}
	if len(g.outside.tried) != once {
		t.Error("the reconciler has tried to connect")
	}
	g.again()
	if r := g.reconciled(id); r != nil {
		t.Errorf("after a restart of the daemon the reconciler reports %+v", *r)
	}
	if len(g.outside.tried) != once {
		t.Error("after a restart the reconciler has tried to connect")
	}
	g.probes.remember(id, "change-1", []engine.Evidence{unlocked})
	if r := g.reconciled(id); r == nil || r.Kind != engine.DriftGate || !strings.Contains(r.Reason, "without a login") {
		t.Errorf("what was last seen against the gate is not reported: %+v", r)
	}
}

func TestTheReconcilerReportsAGateThatANewLockdownHasOpened(t *testing.T) {
	g := newGates(t)
	g.acks = acks{"lockdown.console": {By: engine.Caller{Name: "ada"}, At: lockedAt.Add(time.Minute)}}
	if r := g.reconciled("lockdown.console"); r != nil {
		t.Errorf("under the same lockdown it reports %+v", *r)
	}
	g.state.Confirmed.ID, g.state.Confirmed.SetAt = "change-2", lockedAt.Add(time.Hour)
	if r := g.reconciled("lockdown.console"); r == nil || r.Kind != engine.DriftGate {
		t.Errorf("under a new one it reports %+v", r)
	}
}

// reconciled lets a reconciler look once at a gate that was done, and returns
// what it reports.
func (g *gates) reconciled(id string) *engine.DriftReport {
	g.t.Helper()
	db, err := state.Open(filepath.Join(g.t.TempDir(), "state.db"), state.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	done, looked := true, make(chan struct{}, 100)
	e, err := engine.New(engine.Options{State: db, Source: func(context.Context) (*engine.Graph, error) {
		s := *g.step(id)
		s.Needs = nil
		check := s.Check
		s.Check = func(ctx context.Context) (engine.Result, error) {
			if done {
				return engine.IsDone(), nil
			}
			defer func() { looked <- struct{}{} }()
			return check(ctx)
		}
		return engine.NewGraph("r1", []engine.Step{s})
	}})
	if err != nil {
		g.t.Fatal(err)
	}
	op, err := e.Start(g.t.Context(), engine.Request{Kind: engine.KindApply})
	if err == nil {
		_, err = e.Wait(g.t.Context(), op.ID)
	}
	if err != nil {
		g.t.Fatal(err)
	}
	done = false
	ctx, stop := context.WithCancel(g.t.Context())
	ended := make(chan error, 1)
	triggers := make(chan string)
	go func() { ended <- e.Reconcile(ctx, triggers) }()
	<-looked
	triggers <- engine.WatchAll
	<-looked // the report of the first look stands now
	stop()
	if err := <-ended; err != nil {
		g.t.Fatal(err)
	}
	if err := e.Close(context.Background()); err != nil {
		g.t.Fatal(err)
	}
	if d := e.Drift(); len(d) > 0 {
		return &d[0]
	}
	return nil
}
