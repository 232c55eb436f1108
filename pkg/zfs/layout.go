package zfs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Layout is what democratic-csi's datasets are: the root and its two children,
// v for volumes and s for detached snapshots. The driver demands that neither
// of its two parents lies within the other, so the root cannot be one of them.
type Layout struct {
	// Quota bounds what the root may take of the pool, in bytes; 0 is no bound.
	// The pool is the one that the host itself runs from: when thin volumes fill
	// it, the host stops too.
	Quota uint64
	// Mark is a user property that the root carries from its creation on, so that
	// whose it is can be told even when its maker was killed right after. The zero
	// value is none.
	Mark Property
}

// wish is one property of the layout. Those with once are given at creation and
// left alone on a dataset that exists, because changing them would unmount or
// re-create what may be in use.
type wish struct {
	name, value string
	once        bool
}

func (l Layout) rootWishes() []wish {
	w := []wish{
		{name: "compression", value: "lz4"}, // costs less time than the writes it saves; zstd would compete with the VMs for the CPU
		{name: "atime", value: "off"},       // nothing reads access times here
		{name: "sync", value: "standard"},   // a database's fsync has to mean it, whatever the pool's default
		{name: "snapdev", value: "hidden"},  // snapshots get no device nodes: fewer udev events, nothing to open by mistake
		{name: "mountpoint", value: "none", once: true},
		// The host must not read a guest's partition table or LVM: only the whole
		// device appears.
		{name: "volmode", value: "dev", once: true},
	}
	if l.Mark.name != "" {
		w = append(w, wish{name: l.Mark.name, value: l.Mark.value})
	}
	if l.Quota > 0 {
		w = append(w, wish{name: "quota", value: strconv.FormatUint(l.Quota, 10)})
	}
	return w
}

// LayoutDifference is one thing about the layout that is not as it should be.
type LayoutDifference struct {
	Dataset  Name
	Property string // empty: the dataset itself is missing
	Is       string
	Want     string
	Advice   bool // an existing dataset's property that is reported but never changed
}

func (d LayoutDifference) String() string {
	if d.Property == "" {
		return fmt.Sprintf("dataset %s is missing", d.Dataset)
	}
	return fmt.Sprintf("%s of %s is %s, not %s", d.Property, d.Dataset, d.Is, d.Want)
}

// LookLayout returns what differs from l, and changes nothing.
func (c *Client) LookLayout(ctx context.Context, l Layout) ([]LayoutDifference, error) {
	root := c.o.Root.Dataset()
	is, err := c.properties(ctx, root, l.rootWishes())
	if err != nil {
		return nil, err
	}
	var found []LayoutDifference
	for _, n := range c.layoutNames() {
		have, there := is[n.full]
		if !there {
			found = append(found, LayoutDifference{Dataset: n})
			continue
		}
		if !n.IsRoot() {
			continue // the children inherit
		}
		for _, w := range l.rootWishes() {
			if have[w.name] != w.value {
				found = append(found, LayoutDifference{Dataset: n, Property: w.name, Is: have[w.name], Want: w.value, Advice: w.once})
			}
		}
	}
	return found, nil
}

// EnsureLayout makes what is missing and sets what differs. It returns what it
// changed. It may be called again after having been killed anywhere.
func (c *Client) EnsureLayout(ctx context.Context, l Layout) ([]LayoutDifference, error) {
	found, err := c.LookLayout(ctx, l)
	if err != nil {
		return nil, err
	}
	var done []LayoutDifference
	for _, d := range found {
		if d.Advice {
			continue
		}
		if err := c.remove(ctx, l, d); err != nil {
			return done, err
		}
		done = append(done, d)
	}
	return done, nil
}

func (c *Client) remove(ctx context.Context, l Layout, d LayoutDifference) error {
	if d.Property != "" {
		p, err := NewProperty(d.Property, d.Want)
		if err != nil {
			return err
		}
		_, err = c.Run(ctx, Set(d.Dataset, p))
		return err
	}
	var properties []Property
	if d.Dataset.IsRoot() {
		for _, w := range l.rootWishes() {
			p, err := NewProperty(w.name, w.value)
			if err != nil {
				return err
			}
			properties = append(properties, p)
		}
	}
	_, err := c.Run(ctx, CreateFilesystem(d.Dataset, true, properties...))
	return err
}

// RemoveLayout takes away the root and its two children, which have to be empty:
// what is in them is zfs's refusal (ErrChildren). What is gone already is fine.
func (c *Client) RemoveLayout(ctx context.Context) error {
	names := c.layoutNames()
	for i := len(names) - 1; i >= 0; i-- {
		// Not Destroy, which refuses the root: without any flag zfs itself refuses
		// to take anything along.
		cmd := command("destroy", "destroy", names[i]).with(names[i].full)
		cmd.changes = []Name{names[i]}
		if _, err := c.Run(ctx, cmd); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	return nil
}

func (c *Client) layoutNames() []Name {
	root := c.o.Root.Dataset()
	return []Name{root, {root: root.root, full: root.full + "/v"}, {root: root.root, full: root.full + "/s"}}
}

// properties reads the wished properties of the root and its direct children
// with one process; a missing root is an empty answer.
func (c *Client) properties(ctx context.Context, root Name, wishes []wish) (map[string]map[string]string, error) {
	q := Query{Targets: []Target{root}, Types: []string{Filesystems}, Recursive: true, Depth: 1}
	for _, w := range wishes {
		q.Properties = append(q.Properties, w.name)
	}
	cmd := Get(q, "name", "property", "value")
	out, err := c.Exec(ctx, cmd)
	if err != nil {
		return nil, err
	}
	if err := cmd.failure(out); err != nil && classify(string(out.Stderr)) != ErrNotExist {
		return nil, err
	}
	is := map[string]map[string]string{}
	for line := range strings.Lines(string(out.Stdout)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("cannot read %s: zfs printed a line that is not three columns: %s", root, quote(line))
		}
		if is[f[0]] == nil {
			is[f[0]] = map[string]string{}
		}
		is[f[0]][f[1]] = f[2]
	}
	return is, nil
}
