package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
)

// The verbs of the storage's actions: what may take longer than a request. With
// many volumes the kernel has many targets to make.
const (
	RepairAction = "storage.repair"
	AdoptAction  = "storage.adopt"
)

// Area is what every step that changes targets holds.
const Area = "storage"

// Prepare makes an action of a request, when there is anything that it could be
// done to: before phase 1 it is a problem with the code needs_not_done.
func (s *Service) Prepare(ctx context.Context, verb string) (engine.Action, error) {
	b, err := s.Backend()
	if err != nil {
		return engine.Action{}, err
	}
	return engine.Action{Verb: verb, Subject: b.zfs.Root().String()}, b.Ready(ctx)
}

// Step builds the step of an action. A daemon that was killed inside it looks
// again and goes on with what is left.
func (s *Service) Step(what engine.Action) (engine.Step, error) {
	b, err := s.Backend()
	if err != nil {
		return engine.Step{}, err
	}
	step := engine.Step{ID: what.Verb, Area: Area, Phase: 1}
	switch what.Verb {
	case RepairAction:
		step.Title = "Make targets as the volumes say"
		step.Check, step.Apply = b.lookRepair, b.applyRepair
	case AdoptAction:
		step.Title = "Take over the volumes of an older host"
		step.Check, step.Apply = b.lookAdopt, b.applyAdopt
	default:
		return step, problem.New(problem.InvalidRequest, "ask for another one", "there is no action %q", what.Verb)
	}
	return step, nil
}

// lookRepair is Orphans in the engine's words. What Repair does nothing about is
// left to the operator, and holds nothing up.
func (b *Backend) lookRepair(ctx context.Context) (engine.Result, error) {
	found, err := b.examined(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	var ds []engine.Difference
	for _, f := range found {
		d, repairs := f.difference()
		if !repairs {
			d = engine.Difference{Kind: engine.Manual, Object: f.Object, Is: f.Detail, Want: "settled", Note: f.Advice}
		}
		ds = append(ds, d)
	}
	return engine.Found(ds...), nil
}

func (b *Backend) applyRepair(ctx context.Context, run *engine.Run) error {
	_, done, err := b.repair(ctx, told(run))
	if err != nil {
		return err
	}
	return failures(done, "repair")
}

// lookAdopt is Adoption in the engine's words, and what is left of one that was
// killed: volumes that are marked, and their targets not right yet.
func (b *Backend) lookAdopt(ctx context.Context) (engine.Result, error) {
	a, err := b.Adoption(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	var ds []engine.Difference
	for _, c := range a.Volumes {
		d := engine.Difference{Kind: engine.Change, Object: "volume " + c.Dataset, Is: "an older host's", Want: "waddle's own", Note: strings.Join(c.Changes, "; ")}
		if len(c.Sessions) > 0 {
			d.Note = strings.Trim(d.Note+"; "+counted(len(c.Sessions), "session stays", "sessions stay"), "; ")
		}
		ds = append(ds, d)
	}
	begun, err := b.begun(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	for _, f := range begun {
		if d, repairs := f.difference(); repairs {
			ds = append(ds, d)
		}
	}
	switch r := a.Restore; {
	case !r.Enabled:
	case len(r.Foreign) > 0:
		ds = append(ds, engine.Difference{Kind: engine.Manual, Object: "targetcli's restore at boot", Is: "on", Want: "off", Note: r.warning()})
	default:
		for _, link := range r.Links {
			ds = append(ds, engine.Difference{Kind: engine.Remove, Object: "link " + link, Is: "starts targetcli's restore at boot"})
		}
	}
	return engine.Found(ds...), nil
}

// begun is what differs of volumes that were taken over and are where the older
// host has put them.
func (b *Backend) begun(ctx context.Context) ([]finding, error) {
	w, err := b.collectVolumes(ctx)
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, e := range w.entries {
		if e.legacy && e.managed && !b.execute.Departing(e.asset) {
			all = append(all, b.examineVolume(ctx, e, w)...)
		}
	}
	return all, nil
}

func (b *Backend) applyAdopt(ctx context.Context, run *engine.Run) error {
	adopted, err := b.adoptAll(ctx, told(run))
	if err != nil {
		return err
	}
	if err := failures(adopted.Volumes, "take over"); err != nil {
		return err
	}
	begun, err := b.begun(ctx)
	if err != nil || len(begun) == 0 {
		return err
	}
	var names []string
	for _, f := range begun {
		names = append(names, f.Object)
	}
	_, done, err := b.repair(ctx, told(run), names...)
	if err != nil {
		return err
	}
	return failures(done, "repair")
}

// told is a progress that whoever watches a run sees. The engine writes the latest
// of many that come at once.
func told(run *engine.Run) progress {
	return func(r Repaired, done, total int) {
		if run == nil || run.Report == nil {
			return
		}
		message := r.Object
		if r.Err != nil {
			message = fmt.Sprintf("cannot repair %s: %v", r.Object, r.Err)
		}
		run.Report(message, &engine.Progress{Done: int64(done), Total: int64(total), Unit: "targets"})
	}
}
