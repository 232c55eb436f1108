package phase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
	ShowUndoDataset(context.Context, *platform.Platform, storage.DatasetBefore) ([]storage.Difference, error)
	UndoDataset(context.Context, *platform.Platform, storage.DatasetBefore) error

	LookTarget(context.Context, *platform.Platform) (storage.Finding, error)
	ApplyTarget(ctx context.Context, p *platform.Platform, adopt bool) error
	CaptureTarget(context.Context, *platform.Platform) (storage.TargetBefore, error)
	ShowUndoTarget(context.Context, *platform.Platform, storage.TargetBefore) ([]storage.Difference, error)
	UndoTarget(context.Context, *platform.Platform, storage.TargetBefore) error
}

// volumes are the plan's Phase 1, steps 4 and 5. The plan installs targetcli;
// the kernel's target needs no program of its own, and waddled sets it up. The
// dataset waits for the bridge as in the plan: what an operator has to agree to
// about the network is settled before anything else on the host is changed.
func volumes(p *platform.Platform, s Storage) []engine.Step {
	return []engine.Step{
		kept[storage.DatasetBefore]{p: p, look: s.LookDataset, apply: s.ApplyDataset, capture: s.CaptureDataset, show: s.ShowUndoDataset, undo: s.UndoDataset}.step(engine.Step{
			ID: "storage.dataset", Title: fmt.Sprintf("Create ZFS dataset %s", p.Spec.Storage.Dataset),
			Plan: "Phase 1, step 4", Area: "storage", Needs: []string{"network.bridge"},
		}),
		kept[storage.TargetBefore]{p: p, look: s.LookTarget, apply: s.ApplyTarget, capture: s.CaptureTarget, show: s.ShowUndoTarget, undo: s.UndoTarget}.step(engine.Step{
			ID: "storage.target-service", Title: "Configure the iSCSI target service and the storage endpoint",
			Plan: "Phase 1, step 5", Area: "storage", Needs: []string{"storage.dataset"},
			Watches: []string{storage.EventTargets},
		}),
	}
}

// kept is the storage's five functions for one thing, B being what it records
// for undo.
type kept[B any] struct {
	p       *platform.Platform
	look    func(context.Context, *platform.Platform) (storage.Finding, error)
	apply   func(context.Context, *platform.Platform, bool) error
	capture func(context.Context, *platform.Platform) (B, error)
	show    func(context.Context, *platform.Platform, B) ([]storage.Difference, error)
	undo    func(context.Context, *platform.Platform, B) error
}

// step completes s with the functions.
func (k kept[B]) step(s engine.Step) engine.Step {
	s.CheckEarly = true // it can be looked at on a bare host
	s.Check = func(ctx context.Context) (engine.Result, error) {
		f, err := k.look(ctx, k.p)
		if err != nil {
			return engine.Result{}, err
		}
		r := engine.Found(storageDifferences(f.Differences)...)
		r.Notes = f.Notes
		return r, nil
	}
	s.Apply = func(ctx context.Context, run *engine.Run) error {
		return refusedStorage(k.apply(ctx, k.p, run.Consent.Adopt))
	}
	s.Undo = &engine.Undo{
		Capture: func(ctx context.Context) (json.RawMessage, error) {
			before, err := k.capture(ctx, k.p)
			if err != nil {
				return nil, err
			}
			return json.Marshal(before)
		},
		Show: func(ctx context.Context, raw json.RawMessage) ([]engine.Difference, error) {
			before, err := decode[B](raw)
			if err != nil {
				return nil, err
			}
			d, err := k.show(ctx, k.p, before)
			return storageDifferences(d), err
		},
		Apply: func(ctx context.Context, raw json.RawMessage, _ *engine.Run) error {
			before, err := decode[B](raw)
			if err != nil {
				return err
			}
			return refusedStorage(k.undo(ctx, k.p, before))
		},
	}
	return s
}

func storageDifferences(in []storage.Difference) []engine.Difference {
	out := make([]engine.Difference, 0, len(in))
	for _, d := range in {
		out = append(out, engine.Difference{Kind: engine.Kind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note})
	}
	return out
}

// refusedStorage gives refusals the code and hint that the operator sees.
func refusedStorage(err error) error {
	of := func(code problem.Code, ds []storage.Difference, hint string) error {
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
