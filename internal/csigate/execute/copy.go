package execute

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// copy ends with its client: what was received in part is removed by zfs.
func (e *Executor) copy(ctx context.Context, c grammar.Copy) Answer {
	from, err := e.snapshotOf(c.From)
	if err != nil {
		return failed(err)
	}
	to, err := e.name(c.To)
	if err != nil {
		return failed(err)
	}
	property := "referenced" // a detached snapshot is never written to
	if c.To.IsVolume() {
		property = "volsize"
		if _, _, err := e.newVolume(c.To, nil); err != nil {
			return failed(err)
		}
	}
	size, err := e.sizeOf(ctx, from, property)
	if err != nil {
		return failed(err)
	}
	settle, err := e.ledger.reserve(ctx, to, size)
	if err != nil {
		return failed(err)
	}
	out, err := e.o.ZFS.Copy(ctx, from, to)
	settle(err == nil)
	a := Answer{Stderr: append(out.Send.Stderr, out.Receive.Stderr...), Code: out.Receive.Code}
	if a.Code == 0 {
		a.Code = out.Send.Code // a shell would not tell
	}
	if err != nil && ctx.Err() != nil {
		return failed(fmt.Errorf("cannot copy %s to %s: %w", from, to, context.Cause(ctx)))
	}
	if err != nil && a.Code == 0 {
		return failed(err)
	}
	return a
}

// sizeOf reads one number of a snapshot.
func (e *Executor) sizeOf(ctx context.Context, s zfs.Snapshot, property string) (uint64, error) {
	infos, err := e.o.ZFS.Get(ctx, nil, s)
	if err != nil {
		return 0, err
	}
	size := infos[0].VolumeSize
	if property == "referenced" {
		size = infos[0].Referenced
	}
	if infos[0].VolumeSize == 0 {
		return 0, grammar.Refuse("%s is not a volume's snapshot", s)
	}
	return size, nil
}
