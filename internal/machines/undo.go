package machines

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

// made are the VMs of the step that an undo deletes: those that were made by us
// since, and none that others made.
func (x set) made(raw json.RawMessage) ([]vms.Record, error) {
	var b before
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("cannot read what was recorded before the first apply: %w", err)
	}
	var all []vms.Record
	for _, spec := range x.specs("") {
		rec, there, err := x.s.records.Get(spec.Name)
		if err != nil {
			return nil, err
		}
		if there && !rec.Adopted && !slices.Contains(b.VMs, spec.Name) {
			all = append(all, rec)
		}
	}
	return all, nil
}

func (x set) show(_ context.Context, raw json.RawMessage) ([]engine.Difference, error) {
	all, err := x.made(raw)
	if err != nil {
		return nil, err
	}
	var out []engine.Difference
	for _, rec := range all {
		out = append(out, engine.Difference{Kind: engine.Remove, Object: fmt.Sprintf("VM %s (%d)", rec.Name, rec.ID), Is: "made " + rec.Made.Format("2006-01-02 15:04"), Note: "its disks are lost"})
	}
	if len(x.snippets) == 0 {
		return out, nil
	}
	files, err := x.ownSnippets()
	for _, f := range files {
		out = append(out, engine.Difference{Kind: engine.Remove, Object: "file " + f, Is: "a cloud-init snippet"})
	}
	return out, err
}

func (x set) undo(ctx context.Context, raw json.RawMessage, run *engine.Run) error {
	driver, _, err := x.s.drivers(x.p)
	if err != nil {
		return err
	}
	all, err := x.made(raw)
	if err != nil {
		return err
	}
	for _, rec := range all {
		if why, member := x.s.quorum().Member(ctx, x.p, rec.Name); member {
			return problem.New(problem.Conflict, "undo what was built on it first",
				"cannot delete VM %s: %s", rec.Name, why)
		}
	}
	tell := newTeller(run)
	for _, rec := range all {
		if err := driver.WithProgress(tell.task).Delete(ctx, rec.Name, undoGrace); err != nil {
			return refused(err)
		}
		if err := x.s.records.keepOn(rec.Name); err != nil {
			return err
		}
	}
	if len(x.snippets) == 0 {
		return nil
	}
	dir, err := x.snippetDir()
	if err != nil {
		return err
	}
	return x.s.removeSnippets(dir, x.specs("")[0].Name, nil)
}
