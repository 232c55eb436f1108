package machines

import (
	"cmp"
	"context"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
)

// state is the answer of a step that brings a VM to running or off.
func (x act) state(ctx context.Context, id int, want string) (engine.Result, error) {
	v, err := x.now(ctx, id)
	if err != nil {
		return engine.Result{}, err
	}
	_, off, err := x.s.records.off(x.name)
	if err != nil {
		return engine.Result{}, err
	}
	is := "absent"
	if v != nil {
		is = v.Status
	}
	if is == want && off == (want == "stopped") {
		return engine.IsDone(), nil
	}
	return engine.Found(engine.Difference{Kind: engine.Change, Object: "VM " + x.name, Is: is, Want: want}), nil
}

func (x act) start(context.Context) (engine.Step, error) {
	rec, err := x.known()
	return engine.Step{
		Title: "Start " + x.name,
		Check: func(ctx context.Context) (engine.Result, error) { return x.state(ctx, rec.ID, "running") },
		Apply: func(ctx context.Context, run *engine.Run) error {
			if err := x.with(run).Start(ctx, x.name); err != nil {
				return refused(err)
			}
			return x.s.records.keepOn(x.name)
		},
	}, err
}

// stop and shutdown note first that the VM is to be off: else it would be started again.
func (x act) stop(context.Context) (engine.Step, error) {
	return x.takeDown("Stop ", func(ctx context.Context, run *engine.Run) error { return x.with(run).Stop(ctx, x.name) })
}

func (x act) shutdown(context.Context) (engine.Step, error) {
	return x.takeDown("Shut down ", func(ctx context.Context, run *engine.Run) error {
		return x.with(run).Shutdown(ctx, x.name, cmp.Or(x.a.Grace, grace), x.a.Force)
	})
}

func (x act) takeDown(title string, how func(context.Context, *engine.Run) error) (engine.Step, error) {
	rec, err := x.known()
	return engine.Step{
		Title: title + x.name,
		Check: func(ctx context.Context) (engine.Result, error) { return x.state(ctx, rec.ID, "stopped") },
		Apply: func(ctx context.Context, run *engine.Run) error {
			before, was, err := x.s.records.off(x.name)
			if err != nil {
				return err
			}
			if err := x.s.records.keepOff(x.name, Off{By: x.a.By, At: time.Now().UTC()}); err != nil {
				return err
			}
			err = how(ctx, run)
			if err != nil && ctx.Err() == nil {
				putBack := x.s.records.keepOn(x.name)
				if was {
					putBack = x.s.records.keepOff(x.name, before)
				}
				if putBack != nil {
					return putBack
				}
			}
			return refused(err)
		},
	}, err
}

// once is a step whose effect cannot be seen: a daemon that was killed inside it does
// it again.
func once(object, want string, apply func(context.Context, *engine.Run) error) engine.Step {
	done := make(chan struct{})
	return engine.Step{
		Check: func(context.Context) (engine.Result, error) {
			select {
			case <-done:
				return engine.IsDone(), nil
			default:
				return engine.Found(engine.Difference{Kind: engine.Change, Object: object, Want: want}), nil
			}
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			err := apply(ctx, run)
			if err == nil {
				close(done)
			}
			return err
		},
	}
}

func (x act) reboot(context.Context) (engine.Step, error) {
	_, err := x.known()
	step := once("VM "+x.name, "booted again", func(ctx context.Context, run *engine.Run) error {
		if err := x.with(run).Reboot(ctx, x.name, cmp.Or(x.a.Grace, grace)); err != nil {
			return refused(err)
		}
		return x.s.records.keepOn(x.name)
	})
	step.Title = "Reboot " + x.name
	return step, err
}
