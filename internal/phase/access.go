package phase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// Access is what the phases need of the driver of the ways in as root.
type Access interface {
	LookKeys(ctx context.Context, platform []string) (access.Finding, error)
	ApplyKeys(ctx context.Context, platform []string) error
	CaptureKeys(context.Context) (access.KeysBefore, error)
	ShowUndoKeys(context.Context, access.KeysBefore) ([]access.Difference, error)
	UndoKeys(context.Context, access.KeysBefore) error

	LookSSH(context.Context) (access.Finding, error)
	ApplySSH(context.Context, access.Proof) error
	CaptureSSH(context.Context) (access.SSHBefore, error)
	ShowUndoSSH(context.Context, access.SSHBefore) ([]access.Difference, error)
	UndoSSH(context.Context, access.SSHBefore) error

	KeyLogin(ctx context.Context, platform []string) (access.Login, bool, error)
	LoginFrom(ctx context.Context, from netip.Addr, since time.Time) (access.Login, bool, error)
	RootPasswordSet(context.Context) (time.Time, bool, error)
}

// keyLogin is the gate between the key and the end of the passwords.
const keyLogin = "host.ssh-login"

// waysIn are the plan's Phase 0, steps 3 to 5. The plan switches passwords off
// before it adds the key; here the key comes first, and a login with it.
func waysIn(p *platform.Platform, ways Access, acks Acknowledgements) []engine.Step {
	keys := make([]string, len(p.Spec.Host.SSH.AuthorizedKeys))
	for i, k := range p.Spec.Host.SSH.AuthorizedKeys {
		keys[i] = string(k)
	}
	passwords := wayIn[access.SSHBefore]{
		look: ways.LookSSH,
		apply: func(ctx context.Context) error {
			proof := access.Proof{Keys: keys}
			if said, open := acks.Acknowledgement(keyLogin); open {
				proof.SessionOpen = said.At
			}
			return ways.ApplySSH(ctx, proof)
		},
		capture: ways.CaptureSSH,
		show:    ways.ShowUndoSSH,
		undo:    ways.UndoSSH,
	}.step(engine.Step{
		ID: "host.ssh-passwords", Title: "Disable SSH password authentication",
		Plan: "Phase 0, step 4", Area: "access", Needs: []string{"host.ssh-key", keyLogin},
	})
	// An apply would not change it before the login has been seen, so the plan
	// does not announce it either.
	passwords.CheckEarly = false
	return []engine.Step{
		seenOr(acks, engine.Step{
			ID: "host.root-password", Title: "Change the default root password",
			Plan: "Phase 0, step 3", Area: "access",
		}, "waddle host root-password --generate; or passwd root, and acknowledge it", passwordSeen(ways)),
		passwords,
		wayIn[access.KeysBefore]{
			look:    func(ctx context.Context) (access.Finding, error) { return ways.LookKeys(ctx, keys) },
			apply:   func(ctx context.Context) error { return ways.ApplyKeys(ctx, keys) },
			capture: ways.CaptureKeys,
			show:    ways.ShowUndoKeys,
			undo:    ways.UndoKeys,
		}.step(engine.Step{
			ID: "host.ssh-key", Title: "Add your SSH public key",
			Plan: "Phase 0, step 5", Area: "access",
		}),
		seenOr(acks, engine.Step{
			ID: keyLogin, Title: "Log in with your SSH key",
			Plan: "Phase 0, step 5", Area: "access", Needs: []string{"host.ssh-key"},
		}, "log in as root with a key of spec.host.ssh.authorizedKeys once, which is seen in the log; or acknowledge that you have a session open that did", loginSeen(ways, keys)),
	}
}

func passwordSeen(ways Access) func(context.Context) (string, bool, error) {
	return func(ctx context.Context) (string, bool, error) {
		at, set, err := ways.RootPasswordSet(ctx)
		return "set at " + at.UTC().Format(time.RFC3339), set, err
	}
}

// loginSeen looks for the evidence. Once passwords are off it has served: the
// log in which it stood will be rotated away.
func loginSeen(ways Access, keys []string) func(context.Context) (string, bool, error) {
	return func(ctx context.Context) (string, bool, error) {
		off, err := ways.LookSSH(ctx)
		if err != nil {
			return "", false, refusedWay(err)
		}
		if len(off.Differences) == 0 {
			return "SSH takes no passwords any more", true, nil
		}
		l, seen, err := ways.KeyLogin(ctx, keys)
		return fmt.Sprintf("logged in from %s at %s with %s", l.From, l.At.UTC().Format(time.RFC3339), l.Key), seen, refusedWay(err)
	}
}

// seenOr is a gate that closes by what is seen on the host, or by an acknowledgement.
func seenOr(acks Acknowledgements, s engine.Step, instruction string, seen func(context.Context) (string, bool, error)) engine.Step {
	s = byHand(acks, s, instruction)
	byAcknowledgement := s.Check
	s.Check = func(ctx context.Context) (engine.Result, error) {
		if r, err := byAcknowledgement(ctx); err != nil || r.State == engine.Done {
			return r, err
		}
		note, is, err := seen(ctx)
		if err != nil {
			return engine.Result{}, err
		}
		if !is {
			return engine.Unknowable(instruction), nil
		}
		return engine.IsDone(note), nil
	}
	return s
}

// wayIn is the driver's five functions for one way in, B being what it records for undo.
type wayIn[B any] struct {
	look    func(context.Context) (access.Finding, error)
	apply   func(context.Context) error
	capture func(context.Context) (B, error)
	show    func(context.Context, B) ([]access.Difference, error)
	undo    func(context.Context, B) error
}

// step completes s with the way's functions.
func (w wayIn[B]) step(s engine.Step) engine.Step {
	return kept[B]{
		look: func(ctx context.Context) (engine.Result, error) {
			f, err := w.look(ctx)
			return found(wayDifferences(f.Differences), f.Notes), err
		},
		apply:   func(ctx context.Context, _ *engine.Run) error { return w.apply(ctx) },
		capture: w.capture,
		show: func(ctx context.Context, before B) ([]engine.Difference, error) {
			d, err := w.show(ctx, before)
			return wayDifferences(d), err
		},
		undo:    w.undo,
		refused: refusedWay,
	}.step(s)
}

func wayDifferences(in []access.Difference) []engine.Difference {
	out := make([]engine.Difference, 0, len(in))
	for _, d := range in {
		out = append(out, engine.Difference{Kind: engine.Kind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note})
	}
	return out
}

// refusedWay gives the driver's refusals the code and hint that the operator sees.
func refusedWay(err error) error {
	if conflict, ok := errors.AsType[*access.ConflictError](err); ok {
		p := problem.Wrap(problem.Conflict, err, "settle it by hand, then run it again", "cannot take over root's ways in")
		for _, d := range conflict.Differences {
			p.Others = append(p.Others, d.Object)
		}
		return p
	}
	if _, ok := errors.AsType[*access.LockoutError](err); ok {
		return problem.Wrap(problem.GateNotOpen, err, "log in as root with your key, then apply again; or, with such a session open: waddle phase ack 0 "+keyLogin, "passwords stay on")
	}
	return err
}
