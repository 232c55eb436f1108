package machines

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

// has tells whether the VM has the snapshot.
func (x act) has(ctx context.Context) (bool, error) {
	all, err := x.driver.Snapshots(ctx, x.name)
	return slices.ContainsFunc(all, func(s vms.Snapshot) bool { return s.Name == x.a.Snapshot }), refused(err)
}

func (x act) snapshot(ctx context.Context) (engine.Step, error) {
	if _, err := x.known(); err != nil {
		return engine.Step{}, err
	}
	return engine.Step{
		Title: fmt.Sprintf("Take the snapshot %s of %s", x.a.Snapshot, x.name),
		Check: func(ctx context.Context) (engine.Result, error) {
			there, err := x.has(ctx)
			if err != nil || there {
				return engine.IsDone(), err
			}
			return engine.Found(engine.Difference{Kind: engine.Create, Object: "snapshot " + x.a.Snapshot, Want: x.a.Description}), nil
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			return refused(x.with(run).TakeSnapshot(ctx, x.name, x.a.Snapshot, x.a.Description, x.a.Memory))
		},
	}, nil
}

func (x act) deleteSnapshot(ctx context.Context) (engine.Step, error) {
	if _, err := x.known(); err != nil {
		return engine.Step{}, err
	}
	return engine.Step{
		Title: fmt.Sprintf("Delete the snapshot %s of %s", x.a.Snapshot, x.name),
		Check: func(ctx context.Context) (engine.Result, error) {
			there, err := x.has(ctx)
			if err != nil || !there {
				return engine.IsDone(), err
			}
			return engine.Found(engine.Difference{Kind: engine.Remove, Object: "snapshot " + x.a.Snapshot, Is: "there"}), nil
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			return refused(x.with(run).DeleteSnapshot(ctx, x.name, x.a.Snapshot))
		},
	}, nil
}

func (x act) rollback(ctx context.Context) (engine.Step, error) {
	rec, err := x.known()
	if err != nil {
		return engine.Step{}, err
	}
	// A member of etcd that forgets what it has agreed to may break what the others hold.
	if why, member := x.s.quorum().Member(ctx, x.p, x.name); member {
		return engine.Step{}, problem.New(problem.Conflict, "a snapshot of etcd goes back for all of its members at once; to have this node again as it was made, take it out of the cluster first",
			"cannot take VM %s back to a snapshot: %s", x.name, why)
	}
	there, err := x.has(ctx)
	if err != nil {
		return engine.Step{}, err
	}
	if !there {
		return engine.Step{}, problem.New(problem.NotFound, "list them with: waddle vm snapshot ls "+x.name, "VM %s has no snapshot %q", x.name, x.a.Snapshot)
	}
	step := once("VM "+x.name, "as in the snapshot "+x.a.Snapshot, func(ctx context.Context, run *engine.Run) error {
		if err := x.with(run).Rollback(ctx, x.name, x.a.Snapshot, x.a.Start); err != nil {
			return refused(err)
		}
		return x.leftOff(ctx, rec.ID)
	})
	step.Title = fmt.Sprintf("Take %s back to the snapshot %s", x.name, x.a.Snapshot)
	return step, nil
}

// leftOff: a VM that a rollback leaves off is to stay so, unless its start was asked for.
func (x act) leftOff(ctx context.Context, id int) error {
	v, err := x.now(ctx, id)
	if err != nil {
		return err
	}
	if v != nil && v.Status == "stopped" && !x.a.Start {
		return x.s.records.keepOff(x.name, Off{By: x.a.By, At: time.Now().UTC()})
	}
	return x.s.records.keepOn(x.name)
}
