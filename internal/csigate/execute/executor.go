package execute

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/iscsi"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Options is what an Executor works with.
type Options struct {
	ZFS    *zfs.Client
	ISCSI  *iscsi.Client
	Policy Policy
	// Timeout bounds a change that has begun. Default: 10 min, as the driver's.
	Timeout time.Duration
}

// Executor runs commands. It is safe for use from several goroutines.
type Executor struct {
	o         Options
	layout    grammar.Layout
	ledger    ledger
	target    chan struct{} // one token: the right to change a target
	departing departures
}

// New returns an Executor. It runs nothing.
func New(o Options) (*Executor, error) {
	if o.ZFS == nil || o.ISCSI == nil || o.Policy.Portal.String() == "" {
		return nil, fmt.Errorf("cannot serve democratic-csi: the zfs client, the iSCSI client and the policy have to be set")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	o.Policy.fill()
	l, err := grammar.NewLayout(o.ZFS.Root().String())
	if err != nil {
		return nil, err
	}
	e := &Executor{o: o, layout: l, target: make(chan struct{}, 1)}
	e.target <- struct{}{}
	e.ledger.e = e
	return e, nil
}

// Layout returns the datasets that commands may name.
func (e *Executor) Layout() grammar.Layout { return e.layout }

// Run runs one command. When ctx ends, what only waits, reads or copies ends
// too; a change that has begun is finished first.
func (e *Executor) Run(ctx context.Context, c grammar.Command) Answer {
	if ctx.Err() != nil {
		return failed(fmt.Errorf("cannot %s %s: %w", c.Op(), c.On(e.layout), context.Cause(ctx)))
	}
	switch c := c.(type) {
	case grammar.Shell:
		return said("bash\n")
	case grammar.Uname:
		return uname(c)
	case grammar.Get:
		return e.get(ctx, c)
	case grammar.List:
		return e.list(ctx, c)
	case grammar.CreateDataset:
		return e.createDataset(ctx, c)
	case grammar.CreateVolume:
		return e.createVolume(ctx, c)
	case grammar.Set:
		return e.set(ctx, c)
	case grammar.Snapshot:
		return e.snapshot(ctx, c)
	case grammar.Clone:
		return e.clone(ctx, c)
	case grammar.Copy:
		return e.copy(ctx, c)
	case grammar.Destroy:
		return e.destroy(ctx, c)
	case grammar.CreateTarget:
		return e.createTarget(ctx, c).onStdout()
	case grammar.DeleteTarget:
		return e.deleteTarget(ctx, c).onStdout()
	}
	return failed(grammar.Refuse("%T is no command", c))
}

func uname(c grammar.Uname) Answer {
	if !c.Release {
		return said("Linux\n")
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return failed(fmt.Errorf("cannot read the kernel's release: %w", err))
	}
	return said(unix.ByteSliceToString(u.Release[:]) + "\n")
}

// begun returns the context for a change that must not be left half done: it
// outlives the client, not the timeout.
func (e *Executor) begun(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.o.Timeout)
}
