package phase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/storage"
)

// Storage is what the phases need of the storage: *storage.Service.
type Storage interface {
	LookDataset(context.Context, *platform.Platform) (storage.Finding, error)
	ApplyDataset(ctx context.Context, p *platform.Platform, adopt bool) error
	CaptureDataset(context.Context, *platform.Platform) (storage.DatasetBefore, error)
	ShowUndoDataset(context.Context, *platform.Platform, storage.DatasetBefore) ([]engine.Difference, error)
	UndoDataset(context.Context, *platform.Platform, storage.DatasetBefore) error

	LookTarget(context.Context, *platform.Platform) (storage.Finding, error)
	ApplyTarget(ctx context.Context, p *platform.Platform, adopt bool) error
	CaptureTarget(context.Context, *platform.Platform) (storage.TargetBefore, error)
	ShowUndoTarget(context.Context, *platform.Platform, storage.TargetBefore) ([]engine.Difference, error)
	UndoTarget(context.Context, *platform.Platform, storage.TargetBefore) error

	// Portal is where targets are served; what volumes depend on stays.
	Portal(*platform.Platform) netip.AddrPort
}

// volumes are the plan's Phase 1, steps 4 and 5. The plan installs targetcli;
// the kernel's target needs no program of its own, and waddled sets it up. The
// dataset waits for the bridge as in the plan: what an operator has to agree to
// about the network is settled before anything else on the host is changed.
func volumes(p *platform.Platform, s Storage) []engine.Step {
	return []engine.Step{
		stored[storage.DatasetBefore]{p: p, look: s.LookDataset, apply: s.ApplyDataset, capture: s.CaptureDataset, show: s.ShowUndoDataset, undo: s.UndoDataset}.step(engine.Step{
			ID: "storage.dataset", Title: fmt.Sprintf("Create ZFS dataset %s", p.Spec.Storage.Dataset),
			Plan: "Phase 1, step 4", Area: "storage", Needs: []string{"network.bridge"},
		}),
		stored[storage.TargetBefore]{p: p, look: s.LookTarget, apply: s.ApplyTarget, capture: s.CaptureTarget, show: s.ShowUndoTarget, undo: s.UndoTarget}.step(engine.Step{
			ID: "storage.target-service", Title: "Configure the iSCSI target service and the storage endpoint",
			Plan: "Phase 1, step 5", Area: "storage", Needs: []string{"storage.dataset"},
			Watches: []string{storage.EventTargets},
		}),
	}
}

// stored is the storage's five functions for one thing, B being what it records
// for undo.
type stored[B any] struct {
	p       *platform.Platform
	look    func(context.Context, *platform.Platform) (storage.Finding, error)
	apply   func(context.Context, *platform.Platform, bool) error
	capture func(context.Context, *platform.Platform) (B, error)
	show    func(context.Context, *platform.Platform, B) ([]engine.Difference, error)
	undo    func(context.Context, *platform.Platform, B) error
}

// step completes s with the functions.
func (x stored[B]) step(s engine.Step) engine.Step {
	return kept[B]{
		look: func(ctx context.Context) (engine.Result, error) {
			f, err := x.look(ctx, x.p)
			return found(f.Differences, f.Notes), err
		},
		apply:   func(ctx context.Context, run *engine.Run) error { return x.apply(ctx, x.p, run.Consent.Adopt) },
		capture: func(ctx context.Context) (B, error) { return x.capture(ctx, x.p) },
		show:    func(ctx context.Context, before B) ([]engine.Difference, error) { return x.show(ctx, x.p, before) },
		undo:    func(ctx context.Context, before B) error { return x.undo(ctx, x.p, before) },
		refused: refusedStorage,
	}.step(s)
}

// refusedStorage gives refusals the code and hint that the operator sees.
func refusedStorage(err error) error {
	of := func(code problem.Code, ds []engine.Difference, hint string) error {
		p := problem.Wrap(code, err, hint, "cannot change the storage")
		for _, d := range ds {
			p.Others = append(p.Others, d.Object)
		}
		return p
	}
	if conflict, ok := errors.AsType[*storage.ConflictError](err); ok {
		return of(problem.Conflict, conflict.Differences, "settle it by hand, then run it again")
	}
	if adoption, ok := errors.AsType[*storage.AdoptionError](err); ok {
		return of(problem.AdoptionNeeded, adoption.Differences, "look at what would be taken over with waddle storage adopt --plan, then agree with --adopt; sessions stay")
	}
	return err
}
