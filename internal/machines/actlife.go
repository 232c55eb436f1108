package machines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
)

// goes reports whether the VM that is to go is still there, by the UUID that it had
// when it was asked for: one that was made meanwhile is another one.
func (x act) goes() (vms.Record, bool, error) {
	rec, there, err := x.s.records.Get(x.name)
	return rec, there && x.a.UUID != "" && rec.UUID == x.a.UUID, err
}

func (x act) delete(ctx context.Context) (engine.Step, error) {
	if _, there, err := x.goes(); err != nil {
		return engine.Step{}, err
	} else if there {
		if err := x.quorum(ctx, "delete"); err != nil {
			return engine.Step{}, err
		}
	}
	return engine.Step{
		Title: "Delete " + x.name,
		Check: func(context.Context) (engine.Result, error) {
			rec, there, err := x.goes()
			off, is, offErr := x.s.records.off(x.name)
			if err := errors.Join(err, offErr); err != nil {
				return engine.Result{}, err
			}
			if !there && is && off.Deleted {
				return engine.IsDone(), nil
			}
			return engine.Found(engine.Difference{Kind: engine.Remove, Object: "VM " + x.name, Is: fmt.Sprint(rec.ID), Note: "its disks are lost"}), nil
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			err := x.remove(ctx, run)
			if err != nil && !vms.Is(err, vms.KindLeftover) { // that one is gone all the same
				return err
			}
			if noted := x.s.records.keepOff(x.name, Off{By: x.a.By, At: time.Now().UTC(), Deleted: true}); noted != nil {
				return noted
			}
			return err
		},
	}, nil
}

// remove deletes the VM that is to go, if it is still there.
func (x act) remove(ctx context.Context, run *engine.Run) error {
	_, there, err := x.goes()
	if err != nil || !there {
		return err
	}
	if err := x.quorum(ctx, "delete"); err != nil {
		return err
	}
	return refused(x.with(run).Delete(ctx, x.name, cmp.Or(x.a.Grace, grace)))
}

func (x act) recreate(ctx context.Context) (engine.Step, error) {
	k, spec, err := x.spec()
	if err != nil {
		return engine.Step{}, err
	}
	if _, there, err := x.goes(); err != nil {
		return engine.Step{}, err
	} else if there {
		if err := x.quorum(ctx, "make anew"); err != nil {
			return engine.Step{}, err
		}
	}
	return engine.Step{
		Title: "Make " + x.name + " anew",
		Check: func(ctx context.Context) (engine.Result, error) {
			rec, old, err := x.goes()
			if err != nil {
				return engine.Result{}, err
			}
			if old {
				return engine.Found(engine.Difference{Kind: engine.Change, Object: "VM " + x.name, Is: fmt.Sprintf("made %s", rec.Made.Format(time.RFC3339)), Want: "a new one", Note: "its disks are lost"}), nil
			}
			r, err := k.check(ctx)
			for i := range r.Differences { // made again is what was asked for
				if d := &r.Differences[i]; d.Kind == engine.Manual && d.Object == "VM "+x.name {
					d.Kind = engine.Create
				}
			}
			return r, err
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			release, err := x.readied(ctx, k, spec, run)
			if err != nil {
				return err
			}
			defer release()
			if err := x.remove(ctx, run); err != nil {
				return err
			}
			if err := x.s.records.keepOn(x.name); err != nil {
				return err
			}
			return x.makeAgain(ctx, k, spec, run)
		},
	}, nil
}

// readied has all that the new VM is made of, before the old one goes.
func (x act) readied(ctx context.Context, k set, spec vms.Spec, run *engine.Run) (release func(), err error) {
	rec, there, err := x.goes()
	if err != nil || !there {
		return func() {}, err
	}
	if v, err := x.now(ctx, rec.ID); err != nil || v == nil { // gone already
		return func() {}, err
	}
	if err := x.driver.Replaceable(ctx, spec); err != nil {
		return nil, refused(err)
	}
	if err := k.writeSnippets(); err != nil {
		return nil, err
	}
	image, err := k.image.image(x.p)
	if err != nil {
		return nil, err
	}
	_, cache, err := x.s.drivers(x.p)
	if err != nil {
		return nil, err
	}
	use, err := cache.Ensure(ctx, image, newTeller(run).download)
	if err != nil {
		return nil, refusedImage(err)
	}
	return use.Release, nil
}

// makeAgain makes the VM. The record of one that somebody else deleted keeps it from
// being made by an apply, and not here.
func (x act) makeAgain(ctx context.Context, k set, spec vms.Spec, run *engine.Run) error {
	rec, there, err := x.s.records.Get(x.name)
	if err != nil {
		return err
	}
	if there && rec.State == vms.StateReady {
		if v, err := x.now(ctx, rec.ID); err != nil {
			return err
		} else if v == nil {
			if err := x.with(run).Delete(ctx, x.name, 0); err != nil { // forgets what is gone
				return refused(err)
			}
		}
	}
	return k.apply(ctx, run)
}

// adopt makes a VM that others made ours, when it is still what was shown.
func (x act) adopt(ctx context.Context) (engine.Step, error) {
	_, spec, err := x.spec()
	if err != nil {
		return engine.Step{}, err
	}
	return engine.Step{
		Title: "Adopt " + x.name,
		Check: func(ctx context.Context) (engine.Result, error) {
			a, err := x.driver.LookAdopt(ctx, spec)
			if vms.Is(err, vms.KindExists) {
				return engine.IsDone("it is waddle's"), nil
			}
			if err != nil {
				return engine.Result{}, refused(err)
			}
			return engine.Found(engine.Difference{Kind: engine.Change, Object: fmt.Sprintf("VM %s (%d)", a.Name, a.ID), Is: "made by others", Want: "waddle's"}), nil
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			a, err := x.driver.LookAdopt(ctx, spec)
			if err != nil {
				return refused(err)
			}
			if a.Digest != x.a.Digest {
				return problem.New(problem.Conflict, "look again with: waddle vm adopt "+x.name, "cannot adopt VM %s: it is not what was shown any more", x.name)
			}
			return refused(x.with(run).Adopt(ctx, spec, a))
		},
	}, nil
}
