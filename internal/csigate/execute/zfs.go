package execute

import (
	"context"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// name converts an object that grammar has checked. pkg/zfs checks it again by
// rules of its own, so that a fault in one of the two reaches nothing.
func (e *Executor) name(o grammar.Object) (zfs.Name, error) {
	n, err := e.o.ZFS.Root().Name(o.Dataset(e.layout))
	if err != nil {
		return n, grammar.Refuse("%s cannot be used as a dataset: %v", grammar.Quote(o.Name(e.layout)), err)
	}
	return n, nil
}

func (e *Executor) volume(o grammar.Object) (zfs.Volume, error) {
	n, err := e.name(o)
	if err != nil {
		return zfs.Volume{}, err
	}
	return n.Volume()
}

func (e *Executor) snapshotOf(o grammar.Object) (zfs.Snapshot, error) {
	n, err := e.name(o)
	if err != nil {
		return zfs.Snapshot{}, err
	}
	s, err := n.Snapshot(o.Snapshot)
	if err != nil {
		return s, grammar.Refuse("%s cannot be used as a snapshot: %v", grammar.Quote(o.Name(e.layout)), err)
	}
	return s, nil
}

func (e *Executor) object(o grammar.Object) (zfs.Target, error) {
	if o.Snapshot != "" {
		return e.snapshotOf(o)
	}
	return e.name(o)
}

// pass runs a command and passes zfs's answer on.
func (e *Executor) pass(ctx context.Context, c zfs.Command) Answer {
	out, err := e.o.ZFS.Exec(ctx, c)
	if err != nil {
		return failed(err)
	}
	return Answer{Stdout: out.Stdout, Stderr: out.Stderr, Code: out.Code}
}

// change is pass for what must not be cut in the middle.
func (e *Executor) change(ctx context.Context, c zfs.Command) Answer {
	ctx, cancel := e.begun(ctx)
	defer cancel()
	return e.pass(ctx, c)
}

func types(t string) []string {
	if t == "" {
		return nil
	}
	return []string{t}
}

func (e *Executor) get(ctx context.Context, c grammar.Get) Answer {
	t, err := e.object(c.Of)
	if err != nil {
		return failed(err)
	}
	return e.pass(ctx, zfs.Get(zfs.Query{Targets: []zfs.Target{t}, Properties: c.Properties, Types: types(c.Type)},
		"name", "property", "value", "received", "source"))
}

func (e *Executor) list(ctx context.Context, c grammar.List) Answer {
	t, err := e.object(c.Of)
	if err != nil {
		return failed(err)
	}
	return e.pass(ctx, zfs.List(zfs.Query{Targets: []zfs.Target{t}, Properties: c.Columns, Types: types(c.Type), Recursive: c.Recursive}))
}
