package phase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// ways is a host's ways in that says what was asked of it.
type ways struct {
	keys, passwordsOff bool // what has been applied
	login              *access.Login
	passwordSet        time.Time
	refuses            error
	proof              *access.Proof
	did                []string
}

func (w *ways) found(done bool, object string) (access.Finding, error) {
	f := access.Finding{Notes: []string{"a note about " + object}}
	if !done {
		f.Differences = []access.Difference{{Kind: access.Create, Object: object, Want: "there", Note: "not yet"}}
	}
	return f, nil
}

func (w *ways) do(what string) error { w.did = append(w.did, what); return w.refuses }

func (w *ways) LookKeys(_ context.Context, keys []string) (access.Finding, error) {
	return w.found(w.keys, "keys "+strings.Join(keys, ","))
}

func (w *ways) ApplyKeys(_ context.Context, keys []string) error {
	w.keys = true
	return w.do("apply keys " + strings.Join(keys, ","))
}

func (w *ways) CaptureKeys(context.Context) (access.KeysBefore, error) {
	return access.KeysBefore{File: access.FileState{Path: "/root/.ssh/authorized_keys"}}, w.do("capture keys")
}

func (w *ways) ShowUndoKeys(context.Context, access.KeysBefore) ([]access.Difference, error) {
	return []access.Difference{{Kind: access.Remove, Object: "keys"}}, nil
}

func (w *ways) UndoKeys(_ context.Context, b access.KeysBefore) error {
	return w.do("undo keys in " + b.File.Path)
}

func (w *ways) LookSSH(context.Context) (access.Finding, error) {
	return w.found(w.passwordsOff, "sshd")
}

func (w *ways) ApplySSH(_ context.Context, p access.Proof) error {
	w.proof, w.passwordsOff = &p, w.refuses == nil
	return w.do("apply sshd")
}

func (w *ways) CaptureSSH(context.Context) (access.SSHBefore, error) {
	return access.SSHBefore{}, w.do("capture sshd")
}

func (w *ways) ShowUndoSSH(context.Context, access.SSHBefore) ([]access.Difference, error) {
	return nil, nil
}

func (w *ways) UndoSSH(context.Context, access.SSHBefore) error { return w.do("undo sshd") }

func (w *ways) KeyLogin(context.Context, []string) (access.Login, bool, error) {
	if w.login == nil {
		return access.Login{}, false, nil
	}
	return *w.login, true, nil
}

func (w *ways) LoginFrom(_ context.Context, from netip.Addr, since time.Time) (access.Login, bool, error) {
	if w.login == nil || w.login.From != from.String() || w.login.At.Before(since) {
		return access.Login{}, false, nil
	}
	return *w.login, true, nil
}

func (w *ways) RootPasswordSet(context.Context) (time.Time, bool, error) {
	return w.passwordSet, !w.passwordSet.IsZero(), nil
}

// acked is the gates that somebody has closed.
type acked map[string]string

var saidAt = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func (a acked) Acknowledgement(step string) (*engine.Acknowledgement, bool) {
	by, ok := a[step]
	return &engine.Acknowledgement{Step: step, By: engine.Caller{Name: by}, At: saidAt}, ok
}

func waysGraph(t *testing.T, w Access, a acked) *engine.Graph {
	t.Helper()
	p := platform.Defaults()
	p.Spec.Host.SSH.AuthorizedKeys = []platform.SSHKey{"ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"}
	g, err := engine.NewGraph("r1", waysIn(p, w, a))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func stepOf(t *testing.T, g *engine.Graph, id string) *engine.Step {
	t.Helper()
	s, ok := g.Step(id)
	if !ok {
		t.Fatalf("there is no step %s", id)
	}
	return s
}

func TestTheKeyAndALoginComeBeforePasswordsGoOff(t *testing.T) {
	g := waysGraph(t, &ways{}, nil)
	var order []string
	for _, s := range g.Steps {
		order = append(order, s.ID)
	}
	want := []string{"host.root-password", "host.ssh-key", "host.ssh-login", "host.ssh-passwords"}
	if !slices.Equal(order, want) {
		t.Errorf("the order is %v, want %v", order, want)
	}
	if needs := stepOf(t, g, "host.ssh-passwords").Needs; !slices.Contains(needs, "host.ssh-key") || !slices.Contains(needs, "host.ssh-login") {
		t.Errorf("host.ssh-passwords needs only %v", needs)
	}
}

func TestGatesCloseByWhatIsSeenOrByAnAcknowledgement(t *testing.T) {
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ways ways
		acks acked
		step string
		done bool
		says string
	}{
		"no password was set":               {ways{}, nil, "host.root-password", false, "passwd root"},
		"waddled has set it":                {ways{passwordSet: at}, nil, "host.root-password", true, "set at 2026-11-24T06:00:00Z"},
		"the operator has changed it":       {ways{}, acked{"host.root-password": "root"}, "host.root-password", true, "acknowledged by root"},
		"nobody has logged in with a key":   {ways{}, nil, keyLogin, false, "log in as root with a key"},
		"somebody has":                      {ways{login: &access.Login{At: at, From: "192.0.2.7", Key: "SHA256:x"}}, nil, keyLogin, true, "logged in from 192.0.2.7 at 2026-11-24T06:00:00Z with SHA256:x"},
		"the operator has a session open":   {ways{}, acked{keyLogin: "root"}, keyLogin, true, "acknowledged by root"},
		"passwords are off, the log is old": {ways{passwordsOff: true}, nil, keyLogin, true, "takes no passwords"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stepOf(t, waysGraph(t, &c.ways, c.acks), c.step)
			r, err := s.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := r.State == engine.Done; got != c.done || !strings.Contains(fmt.Sprint(r.Notes, r.Reason), c.says) {
				t.Errorf("the answer is %+v, want done %v and %q", r, c.done, c.says)
			}
			if s.Gate == nil || !s.Gate.Acknowledge {
				t.Error("it is no gate that a person can acknowledge")
			}
		})
	}
}

func TestTheDriverIsToldWhenASessionWasSaidToBeOpen(t *testing.T) {
	for name, acks := range map[string]acked{"nobody said so": nil, "somebody did": {keyLogin: "root"}} {
		t.Run(name, func(t *testing.T) {
			w := &ways{}
			s := stepOf(t, waysGraph(t, w, acks), "host.ssh-passwords")
			if err := s.Apply(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			want := time.Time{}
			if acks != nil {
				want = saidAt
			}
			if !w.proof.SessionOpen.Equal(want) || !slices.Equal(w.proof.Keys, []string{"ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"}) {
				t.Errorf("the proof is %+v", *w.proof)
			}
		})
	}
}

func TestWaysInAreLookedAtAppliedAndUndoneThroughTheDriver(t *testing.T) {
	w := &ways{}
	s := stepOf(t, waysGraph(t, w, nil), "host.ssh-key")
	r, err := s.Check(t.Context())
	want := engine.Difference{Kind: engine.Create, Object: "keys ssh-ed25519 AAAA one,ssh-ed25519 BBBB two", Want: "there", Note: "not yet"}
	if err != nil || len(r.Differences) != 1 || r.Differences[0] != want || len(r.Notes) != 1 {
		t.Errorf("the answer is %+v, error %v", r, err)
	}
	before, err := s.Undo.Capture(t.Context())
	if err != nil || s.Apply(t.Context(), nil) != nil {
		t.Fatalf("capture %s, error %v", before, err)
	}
	if r, err := s.Check(t.Context()); err != nil || r.State != engine.Done {
		t.Errorf("after the apply: %+v, error %v", r, err)
	}
	if d, err := s.Undo.Show(t.Context(), before); err != nil || len(d) != 1 || d[0].Kind != engine.Remove {
		t.Errorf("the undo's plan is %v, error %v", d, err)
	}
	if err := s.Undo.Apply(t.Context(), before, nil); err != nil {
		t.Fatal(err)
	}
	did := []string{"capture keys", "apply keys ssh-ed25519 AAAA one,ssh-ed25519 BBBB two", "undo keys in /root/.ssh/authorized_keys"}
	if !slices.Equal(w.did, did) {
		t.Errorf("the driver did %q, want %q", w.did, did)
	}
	if err := s.Undo.Apply(t.Context(), json.RawMessage(`[]`), nil); err == nil {
		t.Error("a record that is none is taken")
	}
}

func TestTheDriversRefusalsHaveACodeAndSayWhatToDo(t *testing.T) {
	cause := errors.New("disk full")
	for name, c := range map[string]struct {
		err  error
		code problem.Code
		hint string
	}{
		"a lockout":     {&access.LockoutError{Reasons: []string{"no key"}}, problem.GateNotOpen, "waddle phase ack 0 host.ssh-login"},
		"a conflict":    {&access.ConflictError{Differences: []access.Difference{{Kind: access.Conflict, Object: "sshd_config line 2"}}}, problem.Conflict, "by hand"},
		"anything else": {cause, problem.Internal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := stepOf(t, waysGraph(t, &ways{refuses: c.err}, nil), "host.ssh-passwords")
			err := s.Apply(t.Context(), nil)
			if p := problem.From(err); p.Code != c.code || !strings.Contains(p.Hint, c.hint) || !errors.Is(err, c.err) {
				t.Errorf("the error is %q, %q: %v", p.Code, p.Hint, err)
			}
		})
	}
}
