package zfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	gozfs "github.com/mistifyio/go-zfs/v3"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

// Options says what pool to play.
type Options struct {
	Dir  string // where the pool's state is kept
	Dev  string // where device links appear, in a folder zvol; stands for /dev
	Pool string // name, default rpool
	Size uint64 // bytes the pool holds, default 1 TiB
	// LinkDelay is how long after a volume its device link appears; 0 is at once.
	LinkDelay time.Duration
	// Busy reports whether a volume's device is held open (by a backstore); such
	// a volume cannot be destroyed or renamed. Nil: none is.
	Busy func(device string) bool
}

// Pool is one pool. It implements the Runner of pkg/zfs.
type Pool struct {
	o     Options
	mu    sync.Mutex
	nodes map[string]*node
	memo  map[string]uint64 // see remember
	links sync.WaitGroup
	done  chan struct{}
}

// node is one dataset or snapshot as it is kept in its file.
type node struct {
	Name    string            `json:"name"`
	Type    string            `json:"type"`
	GUID    uint64            `json:"guid"`
	Created int64             `json:"created"`
	Origin  string            `json:"origin,omitempty"`
	Size    uint64            `json:"volsize,omitempty"`
	Block   uint64            `json:"volblocksize,omitempty"`
	Defer   bool              `json:"deferDestroy,omitempty"`
	Order   uint64            `json:"order"` // creation order of snapshots
	Props   map[string]string `json:"properties,omitempty"`
}

// Open opens the pool in o.Dir, making it when it is not there. The device links
// of its volumes appear as after a boot.
func Open(o Options) (*Pool, error) {
	if o.Pool == "" {
		o.Pool = "rpool"
	}
	if o.Size == 0 {
		o.Size = 1 << 40
	}
	p := &Pool{o: o, nodes: map[string]*node{}, done: make(chan struct{})}
	for _, d := range []string{p.metaDir(), p.dataDir(), filepath.Join(o.Dev, "zvol")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("cannot open stand-in pool in %s: %w", o.Dir, err)
		}
	}
	if err := p.load(); err != nil {
		return nil, fmt.Errorf("cannot open stand-in pool in %s: %w", o.Dir, err)
	}
	if p.nodes[o.Pool] == nil {
		if err := p.save(&node{Name: o.Pool, Type: driver.Filesystems, GUID: 1, Created: time.Now().Unix()}); err != nil {
			return nil, fmt.Errorf("cannot open stand-in pool in %s: %w", o.Dir, err)
		}
	}
	for _, n := range p.nodes {
		if n.Type == driver.Volumes {
			p.link(n)
		}
	}
	return p, nil
}

// Close stops making links. The pool's state stays on disk.
func (p *Pool) Close() {
	close(p.done)
	p.links.Wait()
}

func (p *Pool) metaDir() string { return filepath.Join(p.o.Dir, "datasets") }
func (p *Pool) dataDir() string { return filepath.Join(p.o.Dir, "data") }
func (p *Pool) metaFile(name string) string {
	return filepath.Join(p.metaDir(), url.PathEscape(name)+".json")
}
func (p *Pool) dataFile(n *node) string {
	return filepath.Join(p.dataDir(), fmt.Sprintf("%d.img", n.GUID))
}

func (p *Pool) load() error {
	files, err := os.ReadDir(p.metaDir())
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue // left by a writer that was killed
		}
		b, err := os.ReadFile(filepath.Join(p.metaDir(), f.Name()))
		if err != nil {
			return err
		}
		n := &node{}
		if err := json.Unmarshal(b, n); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		p.nodes[n.Name] = n
		kept[filepath.Base(p.dataFile(n))] = true
	}
	return p.sweep(kept)
}

// sweep removes data of datasets whose making was cut short.
func (p *Pool) sweep(kept map[string]bool) error {
	files, err := os.ReadDir(p.dataDir())
	for _, f := range files {
		if !kept[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(p.dataDir(), f.Name())))
		}
	}
	return err
}

func (p *Pool) save(n *node) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	// No fsync: the state has to outlive the process, not the machine.
	file := p.metaFile(n.Name)
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	p.nodes[n.Name] = n
	return nil
}

// forget removes n; its data goes after its record, so that a kill in between
// leaves only what sweep removes.
func (p *Pool) forget(n *node) error {
	if err := os.Remove(p.metaFile(n.Name)); err != nil {
		return err
	}
	delete(p.nodes, n.Name)
	if err := os.Remove(p.dataFile(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if n.Type == driver.Volumes {
		p.unlink(n.Name)
	}
	return nil
}

// below returns the names of everything below name (datasets and snapshots), and
// its own snapshots, sorted.
func (p *Pool) below(name string) []string {
	var found []string
	for other := range p.nodes {
		if strings.HasPrefix(other, name+"/") || strings.HasPrefix(other, name+"@") {
			found = append(found, other)
		}
	}
	sort.Strings(found)
	return found
}

func (p *Pool) clonesOf(snapshot string) []string {
	var found []string
	for _, n := range p.nodes {
		if n.Origin == snapshot {
			found = append(found, n.Name)
		}
	}
	sort.Strings(found)
	return found
}

// Zpool answers for go-zfs's zpool reader.
func (p *Pool) Zpool(name string) (*gozfs.Zpool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name != p.o.Pool {
		return nil, fmt.Errorf("cannot open '%s': no such pool", name)
	}
	p.memo = nil
	used := p.used(p.o.Pool)
	return &gozfs.Zpool{
		Name: name, Health: gozfs.ZpoolOnline, Allocated: used, Size: p.o.Size, Free: p.o.Size - min(used, p.o.Size), DedupRatio: 1,
	}, nil
}

// String shows the pool as sorted text, one dataset or snapshot a line with what
// was set on it.
func (p *Pool) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.nodes))
	for n := range p.nodes {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		n := p.nodes[name]
		fmt.Fprintf(&b, "%s %s", n.Type, n.Name)
		if n.Size > 0 {
			fmt.Fprintf(&b, " volsize=%d volblocksize=%d", n.Size, n.Block)
		}
		if n.Origin != "" {
			fmt.Fprintf(&b, " origin=%s", n.Origin)
		}
		keys := make([]string, 0, len(n.Props))
		for k := range n.Props {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			fmt.Fprintf(&b, " %s=%s", k, n.Props[k])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var _ driver.Runner = (*Pool)(nil)

// Run implements the Runner of pkg/zfs.
func (p *Pool) Run(ctx context.Context, proc driver.Process) (driver.Output, error) {
	if err := ctx.Err(); err != nil {
		return driver.Output{}, fmt.Errorf("zfs was stopped: %w", err)
	}
	out := p.dispatch(proc)
	return out, nil
}
