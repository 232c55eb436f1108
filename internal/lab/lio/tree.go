package lio

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
)

// Options says what kernel to play.
type Options struct {
	// Root is where configfs is mounted. Default: /sys/kernel/config.
	Root string
	// Device tells which device a path is; two paths with one answer are one
	// device, which only one backstore can have. Default: the file that the path
	// leads to.
	Device func(path string) (string, error)
	// Journal is a file that keeps the tree over a restart of the process; empty
	// keeps it in memory only.
	Journal string
	// Unloaded starts without modules, as a host before Prepare.
	Unloaded bool
}

// Tree is configfs with the target subsystem. It implements iscsi.FS.
type Tree struct {
	o        Options
	mu       sync.Mutex
	root     *dir
	devices  map[string]*backstore  // device → who has it open
	ports    map[netip.AddrPort]int // listening sockets and how many portals each is for
	journal  *os.File
	hangs    []*hang
	modules  map[string]bool
	sessions uint32 // LIO session ids given so far
}

// dir is one folder. What may be made in it, and what a link in it may lead to,
// depends on its kind.
type dir struct {
	kind     kind
	name     string
	up       *dir
	standard bool // a default group: made with its parent, never removed alone
	dirs     map[string]*dir
	files    map[string]*file
	links    map[string]*dir
	linkedBy int // links that lead here
	object   any // *backstore, *target, *group or *acl
}

type kind string

const (
	kindRoot      kind = "root"
	kindTarget    kind = "target"
	kindCore      kind = "core"
	kindHBA       kind = "hba"
	kindBackstore kind = "backstore"
	kindFabric    kind = "fabric"
	kindIQN       kind = "iqn"
	kindGroup     kind = "tpg"
	kindLUNs      kind = "luns"
	kindLUN       kind = "lun"
	kindPortals   kind = "portals"
	kindPortal    kind = "portal"
	kindACLs      kind = "acls"
	kindACL       kind = "acl"
	kindMapped    kind = "mapped"
	kindPlain     kind = "plain" // attributes only
)

// Open returns the tree of a kernel with the target modules loaded, or of the
// journal's.
func Open(o Options) (*Tree, error) {
	if o.Root == "" {
		o.Root = "/sys/kernel/config"
	}
	if o.Device == nil {
		o.Device = resolve
	}
	t := &Tree{o: o, devices: map[string]*backstore{}, ports: map[netip.AddrPort]int{}, modules: map[string]bool{}}
	t.root = newDir(nil, "", kindRoot, true)
	if !o.Unloaded {
		for _, m := range []string{"target_core_mod", "target_core_iblock", "iscsi_target_mod"} {
			t.load(m)
		}
	}
	if o.Journal != "" {
		if err := t.replay(o.Journal); err != nil {
			return nil, fmt.Errorf("cannot open stand-in configfs from %s: %w", o.Journal, err)
		}
	}
	return t, nil
}

// Close lets go of the journal.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.journal == nil {
		return nil
	}
	err := t.journal.Close()
	t.journal = nil
	return err
}

func resolve(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", syscall.ENOENT
	}
	return real, nil
}

func newDir(up *dir, name string, k kind, standard bool) *dir {
	d := &dir{kind: k, name: name, up: up, standard: standard, dirs: map[string]*dir{}, files: map[string]*file{}, links: map[string]*dir{}}
	if up != nil {
		up.dirs[name] = d
	}
	return d
}

// group makes a default group below d.
func (d *dir) group(name string, k kind) *dir {
	g := newDir(d, name, k, true)
	g.object = d.object
	return g
}

// path is where d is, from configfs's root.
func (d *dir) path() string {
	if d.up == nil {
		return ""
	}
	return path.Join(d.up.path(), d.name)
}

// find returns the folder at a path below the root; ENOENT otherwise.
func (t *Tree) find(p string) (*dir, error) {
	rel, ok := strings.CutPrefix(path.Clean(p), t.o.Root)
	if !ok {
		return nil, syscall.ENOENT
	}
	d := t.root
	for _, part := range strings.Split(strings.Trim(rel, "/"), "/") {
		if part == "" {
			continue
		}
		next := d.dirs[part]
		if next == nil {
			if next = d.links[part]; next == nil {
				if d.files[part] != nil {
					return nil, syscall.ENOTDIR
				}
				return nil, syscall.ENOENT
			}
		}
		d = next
	}
	return d, nil
}

// has reports whether something of that name is in d.
func (d *dir) has(name string) bool {
	return d.dirs[name] != nil || d.files[name] != nil || d.links[name] != nil
}

// String shows the tree as sorted text: each folder that somebody made, each
// link, and each attribute that differs from what it was when it appeared.
// Secrets show as (set).
func (t *Tree) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	t.root.show(&lines)
	sort.Strings(lines)
	return strings.Join(lines, "\n") + "\n"
}

func (d *dir) show(lines *[]string) {
	if !d.standard {
		*lines = append(*lines, d.path()+"/")
	}
	for name, f := range d.files {
		if text, changed := f.changed(); changed {
			*lines = append(*lines, path.Join(d.path(), name)+" = "+text)
		}
	}
	for name, to := range d.links {
		*lines = append(*lines, path.Join(d.path(), name)+" -> "+to.path())
	}
	for _, sub := range d.dirs {
		sub.show(lines)
	}
}
