package phase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// Network is what the phases need of the network driver.
type Network interface {
	LookBridge(context.Context, netfw.Bridge) (netfw.Finding, error)
	ApplyBridge(context.Context, netfw.Bridge, netfw.Consent) error
	CaptureBridge(context.Context, netfw.Bridge) (netfw.BridgeBefore, error)
	ShowUndoBridge(context.Context, netfw.BridgeBefore) ([]netfw.Difference, error)
	UndoBridge(context.Context, netfw.BridgeBefore) error

	LookForwarding(context.Context) (netfw.Finding, error)
	ApplyForwarding(context.Context, netfw.Consent) error
	CaptureForwarding(context.Context) (netfw.ForwardingBefore, error)
	ShowUndoForwarding(context.Context, netfw.ForwardingBefore) ([]netfw.Difference, error)
	UndoForwarding(context.Context, netfw.ForwardingBefore) error

	LookRules(context.Context, netfw.RuleConfig) (netfw.Finding, error)
	ApplyRules(context.Context, netfw.RuleConfig, netfw.Consent) error
	CaptureRules(context.Context, netfw.RuleConfig) (netfw.RulesBefore, error)
	ShowUndoRules(context.Context, netfw.RulesBefore) ([]netfw.Difference, error)
	UndoRules(context.Context, netfw.RulesBefore) error
}

// subject is the driver's five functions for one thing, B being what it records for undo.
type subject[B any] struct {
	look    func(context.Context) (netfw.Finding, error)
	apply   func(context.Context, netfw.Consent) error
	capture func(context.Context) (B, error)
	show    func(context.Context, B) ([]netfw.Difference, error)
	undo    func(context.Context, B) error
}

// step completes s with the subject's functions.
func (x subject[B]) step(s engine.Step) engine.Step {
	s.CheckEarly = true // the network can be looked at on a bare host
	s.Check = func(ctx context.Context) (engine.Result, error) {
		f, err := x.look(ctx)
		if err != nil {
			return engine.Result{}, refused(err)
		}
		r := engine.Found(differences(f.Differences)...)
		r.Notes = f.Notes
		return r, nil
	}
	s.Apply = func(ctx context.Context, run *engine.Run) error {
		return refused(x.apply(ctx, netfw.Consent{Adopt: run.Consent.Adopt}))
	}
	s.Undo = &engine.Undo{
		Capture: func(ctx context.Context) (json.RawMessage, error) {
			before, err := x.capture(ctx)
			if err != nil {
				return nil, refused(err)
			}
			return json.Marshal(before)
		},
		Show: func(ctx context.Context, raw json.RawMessage) ([]engine.Difference, error) {
			before, err := decode[B](raw)
			if err != nil {
				return nil, err
			}
			d, err := x.show(ctx, before)
			return differences(d), refused(err)
		},
		Apply: func(ctx context.Context, raw json.RawMessage, _ *engine.Run) error {
			before, err := decode[B](raw)
			if err != nil {
				return err
			}
			return refused(x.undo(ctx, before))
		},
	}
	return s
}

func decode[B any](raw json.RawMessage) (before B, err error) {
	if err := json.Unmarshal(raw, &before); err != nil {
		return before, fmt.Errorf("cannot read what was recorded before the first apply: %w", err)
	}
	return before, nil
}

func differences(in []netfw.Difference) []engine.Difference {
	out := make([]engine.Difference, 0, len(in))
	for _, d := range in {
		out = append(out, engine.Difference{Kind: engine.Kind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note})
	}
	return out
}

// refused gives the driver's refusals the code and hint that the operator sees.
func refused(err error) error {
	if conflict, ok := errors.AsType[*netfw.ConflictError](err); ok {
		p := problem.Wrap(problem.Conflict, err, "settle it by hand, then run it again", "cannot take over the network")
		p.Others = objects(conflict.Differences)
		return p
	}
	if adoption, ok := errors.AsType[*netfw.AdoptionError](err); ok {
		p := problem.Wrap(problem.AdoptionNeeded, err, "agree with --adopt; a copy of each changed file is kept", "cannot take over without agreement")
		p.Others = objects(adoption.Differences)
		return p
	}
	if ports, ok := errors.AsType[*netfw.PortsError](err); ok {
		p := problem.Wrap(problem.Conflict, err, "stop the VMs that are plugged in, then run it again", "cannot take the bridge away")
		p.Others = strings.Split(ports.Ports, ", ")
		return p
	}
	if missing, ok := errors.AsType[*netfw.MissingError](err); ok {
		p := problem.New(problem.HostUnsuitable, "install the package iptables", "%s", err)
		p.Err, p.Others = err, []string{missing.Program}
		return p
	}
	return FirewallProblem(err)
}

func objects(ds []netfw.Difference) []string {
	out := make([]string, 0, len(ds))
	for _, d := range ds {
		out = append(out, d.Object)
	}
	return out
}
