package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/state"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// Run is the daemon: it returns when ctx has ended, or with what kept it from
// starting.
func Run(ctx context.Context, c Config) (err error) {
	network := netfw.New(netfw.Options{Seam: c.Seam, Log: c.Log})
	if missing := network.Preflight(ctx); len(missing) > 0 {
		return problem.New(problem.HostUnsuitable, "settle each line, then start waddled again",
			"waddled cannot work on this host:\n  %s", strings.Join(missing, "\n  "))
	}
	if err := directories(c); err != nil {
		return err
	}
	db, err := state.Open(c.statePath(), state.Options{Seam: c.Seam, Log: c.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := assemble(c, db, network)
	if err != nil {
		return err
	}
	return p.run(ctx)
}

// directories makes what holds our files. Others may not look into them.
func directories(c Config) error {
	for dir, mode := range map[string]os.FileMode{
		filepath.Dir(c.Platform): 0o750,
		c.StateDir:               0o700,
		filepath.Dir(c.Socket):   0o755,
	} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return problem.Wrap(problem.HostUnsuitable, err, "make the directory, or name another one with the flags", "cannot start waddled")
		}
	}
	return nil
}

// run serves until ctx has ended. Operations of a dead daemon are taken up
// before anybody can ask for a new one.
func (p *parts) run(ctx context.Context) error {
	kernel, err := p.network.Watch(ctx)
	if err != nil {
		return err
	}
	if err := p.firewall.Expire(ctx); err != nil {
		p.c.Log.Error("the firewall is left as it is loaded", "error", err)
	}
	if err := p.engine.Resume(ctx); err != nil {
		p.c.Log.Error("not every operation could be taken up again", "error", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	rules := make(chan struct{}, 1)
	g.Go(func() error { return p.server.Run(ctx) })
	g.Go(func() error { return p.storage.Run(ctx) })
	g.Go(func() error {
		return p.engine.Reconcile(ctx, merge(ctx, tell(ctx, kernel, rules), p.triggers, p.storage.Watch(ctx)))
	})
	g.Go(func() error {
		p.profiles.Watch(ctx, expireEvery, rules)
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		return p.engine.Close(grace)
	})
	return g.Wait()
}

// platformChanged makes the reconciler see what differs under the new document.
func (p *parts) platformChanged() {
	p.storage.PlatformChanged()
	p.lookAtAll()
}

// lookAtAll makes the reconciler look at everything: the document or the
// firewall's profile has changed.
func (p *parts) lookAtAll() {
	select {
	case p.triggers <- engine.WatchAll:
	default: // one is waiting already
	}
}

// expireEvery is how often a firewall change that is overdue is looked for
// beside at its deadline, as when somebody has written the state by hand.
const expireEvery = time.Minute

// tell hands on what comes, and says on rules when the kernel's rules, or the
// files that they are in, have changed.
func tell(ctx context.Context, in <-chan string, rules chan<- struct{}) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		for kind := range in {
			if kind == netfw.EventRules || kind == netfw.EventFiles {
				select {
				case rules <- struct{}{}:
				default: // one is waiting already
				}
			}
			select {
			case <-ctx.Done():
				return
			case out <- kind:
			}
		}
	}()
	return out
}

// merge is all channels in one, until ctx ends.
func merge(ctx context.Context, all ...<-chan string) <-chan string {
	out := make(chan string)
	for _, in := range all {
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case kind, open := <-in:
					if !open {
						return
					}
					select {
					case <-ctx.Done():
						return
					case out <- kind:
					}
				}
			}
		}()
	}
	return out
}
