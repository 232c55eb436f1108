package phase

import (
	"context"
	"errors"
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
	return kept[B]{
		look: func(ctx context.Context) (engine.Result, error) {
			f, err := x.look(ctx)
			return found(differences(f.Differences), f.Notes), err
		},
		apply: func(ctx context.Context, run *engine.Run) error {
			return x.apply(ctx, netfw.Consent{Adopt: run.Consent.Adopt})
		},
		capture: x.capture,
		show: func(ctx context.Context, before B) ([]engine.Difference, error) {
			d, err := x.show(ctx, before)
			return differences(d), err
		},
		undo:    x.undo,
		refused: refused,
	}.step(s)
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
