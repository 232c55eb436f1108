package zfs

import (
	"context"
	"fmt"
)

// PoolState is how the pool that the root is in is doing. Sizes are bytes.
type PoolState struct {
	Name          string
	Health        string // ONLINE, DEGRADED, FAULTED, …
	Size          uint64
	Allocated     uint64
	Free          uint64
	Fragmentation uint64 // percent
	ReadOnly      bool
}

// Healthy reports whether all devices of the pool work.
func (p PoolState) Healthy() bool { return p.Health == "ONLINE" && !p.ReadOnly }

// Pool reads the state of the root's pool.
func (c *Client) Pool(ctx context.Context) (PoolState, error) {
	name := c.o.Root.Pool()
	if err := ctx.Err(); err != nil {
		return PoolState{}, fmt.Errorf("cannot read pool %s: %w", name, err)
	}
	if err := c.o.Seam("zpool get"); err != nil {
		return PoolState{}, fmt.Errorf("cannot read pool %s: %w", name, err)
	}
	p, err := c.o.Pool(name)
	if err != nil {
		return PoolState{}, fmt.Errorf("cannot read pool %s: %w", name, err)
	}
	return PoolState{
		Name: name, Health: p.Health, Size: p.Size, Allocated: p.Allocated, Free: p.Free,
		Fragmentation: p.Fragmentation, ReadOnly: p.ReadOnly,
	}, nil
}
