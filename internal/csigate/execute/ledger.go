package execute

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// fresh is how long what was read of the pool is believed. Our own changes are
// counted at once; this is for what others do.
const fresh = 30 * time.Second

// ledger knows what the volumes below the root promise together. Volumes are
// thin: without it the cluster would be told of space that is not there, and
// file systems break when a write fails. It is read once in a while, not for
// every volume.
type ledger struct {
	e        *Executor
	mu       sync.Mutex
	promised map[string]uint64   // bytes by dataset
	pending  map[string][]uint64 // being made or grown: a size for each change that is under way
	capacity uint64              // bytes that the root can hold
	read     time.Time
}

// reserve sets size bytes aside for n, or refuses. settle has to be called with
// whether the change was made.
func (l *ledger) reserve(ctx context.Context, n zfs.Name, size uint64) (settle func(made bool), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	stale := time.Since(l.read) > fresh
	if !stale && l.wrong(n.String(), size) != nil {
		stale = true // somebody may have made room meanwhile
	}
	if stale {
		if err := l.refresh(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.wrong(n.String(), size); err != nil {
		return nil, err
	}
	name := n.String()
	l.pending[name] = append(l.pending[name], size)
	return func(made bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if made {
			l.promised[name] = max(l.promised[name], size)
		}
		i := slices.Index(l.pending[name], size)
		if l.pending[name] = slices.Delete(l.pending[name], i, i+1); len(l.pending[name]) == 0 {
			delete(l.pending, name)
		}
	}, nil
}

// asked is the most that a change under way wants for name.
func (l *ledger) asked(name string) uint64 {
	if len(l.pending[name]) == 0 {
		return 0
	}
	return slices.Max(l.pending[name])
}

// wrong says why size bytes cannot be promised to name; nil when they can.
func (l *ledger) wrong(name string, size uint64) error {
	p := l.e.o.Policy
	if had := max(l.promised[name], l.asked(name)); size <= had {
		return nil // nothing new is promised; a shrink is refused elsewhere
	}
	sum, count := uint64(0), 0
	for other, bytes := range l.promised {
		if other != name {
			sum, count = sum+max(bytes, l.asked(other)), count+1
		}
	}
	for other := range l.pending {
		if _, known := l.promised[other]; other != name && !known {
			sum, count = sum+l.asked(other), count+1
		}
	}
	limit := l.capacity / 100 * p.Overcommit
	if size > limit || sum > limit-size {
		return grammar.Refuse("%d bytes for %s do not fit: the volumes below %s may have %d bytes together and have %d; delete volumes or raise spec.storage.quota",
			size, name, l.e.o.ZFS.Root(), limit, sum)
	}
	if count >= p.MaxVolumes {
		return grammar.Refuse("there are %d volumes below %s, and no more are allowed; delete some", count, l.e.o.ZFS.Root())
	}
	return nil
}

func (l *ledger) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for other := range l.promised {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(l.promised, other)
		}
	}
}

// refresh reads what is there: a volume counts with its size, a detached
// snapshot, which is never written to, with what it holds.
func (l *ledger) refresh(ctx context.Context) error {
	root := l.e.o.ZFS.Root().Dataset()
	infos, err := l.e.o.ZFS.Get(ctx, nil, root)
	if err != nil {
		return fmt.Errorf("cannot tell whether there is room: %w", ours(err))
	}
	out, err := l.e.o.ZFS.Run(ctx, zfs.List(zfs.Query{Targets: []zfs.Target{root}, Types: []string{zfs.Volumes}, Recursive: true,
		Properties: []string{"name", "volsize", "referenced"}}))
	if err != nil {
		return fmt.Errorf("cannot tell whether there is room: %w", ours(err))
	}
	promised := map[string]uint64{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			return fmt.Errorf("cannot tell whether there is room: zfs printed %q", line)
		}
		column := f[1]
		if strings.HasPrefix(f[0], l.e.layout.Detached()+"/") {
			column = f[2]
		}
		bytes, err := strconv.ParseUint(column, 10, 63)
		if err != nil {
			return fmt.Errorf("cannot tell whether there is room: size of %s: %w", f[0], err)
		}
		promised[f[0]] = bytes
	}
	l.promised, l.capacity, l.read = promised, infos[0].Used+infos[0].Available, time.Now()
	if quota := infos[0].Quota; quota > 0 {
		l.capacity = min(l.capacity, quota)
	}
	if l.pending == nil {
		l.pending = map[string][]uint64{}
	}
	return nil
}

// ours takes zfs's own words out of the hands of the driver: about the root it
// must not be told that something does not exist.
func ours(err error) error { return fmt.Errorf("%s", grammar.Neutral(err.Error())) }
