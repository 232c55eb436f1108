package zfs

import (
	"fmt"
	"strconv"
)

// Command is one invocation of zfs. It is made by the functions of this package
// from names, which cannot leave the root, so that running one is always safe.
// Commands of the zero kind, and ones made from zero values, are refused.
type Command struct {
	op      string // "create volume", for errors
	seam    string // "zfs create", for the seam
	object  string
	argv    []string
	changes []Name // datasets that the command changes
	uses    []Name // datasets that may not be changed meanwhile
	reads   []Name // datasets that are only looked at, without waiting
	volsize string // the size that a set asks for; checked against shrinking
	err     error
}

// Args returns zfs's arguments without the program's name.
func (c Command) Args() []string { return append([]string(nil), c.argv...) }

// String returns the command as the audit log shows it.
func (c Command) String() string { return fmt.Sprintf("zfs %q", c.argv) }

func command(op, seam string, target Target) Command {
	c := Command{op: op, seam: "zfs " + seam, object: target.String(), argv: []string{seam}}
	if c.object == "" {
		c.err = fmt.Errorf("cannot %s: no dataset is named", op)
	}
	return c
}

func (c Command) with(args ...string) Command {
	c.argv = append(c.argv, args...)
	return c
}

// options appends each property with its flag (-o for most commands). A property
// of the zero value makes the command one that is refused.
func (c Command) options(flag string, properties []Property) Command {
	for _, p := range properties {
		if p.name == "" {
			c.err = fmt.Errorf("cannot %s %s: a property has no name", c.op, c.object)
			return c
		}
		if flag != "" {
			c.argv = append(c.argv, flag)
		}
		c.argv = append(c.argv, p.arg())
	}
	return c
}

// notRoot refuses to do to the root dataset what only its children may suffer.
func (c Command) notRoot(n Name) Command {
	if c.err == nil && n.IsRoot() {
		c.err = fmt.Errorf("cannot %s %s: it is the root dataset, which is only removed by hand", c.op, n.full)
	}
	return c
}

// CreateFilesystem makes a file system dataset; with parents also what is
// missing above it (never above the root's pool).
func CreateFilesystem(n Name, parents bool, properties ...Property) Command {
	c := command("create dataset", "create", n)
	if parents {
		c = c.with("-p")
	}
	c = c.options("-o", properties).with(n.full)
	c.changes = []Name{n}
	return c
}

// CreateVolumeSpec says what a new volume is.
type CreateVolumeSpec struct {
	Volume     Volume
	Size       uint64     // bytes; a multiple of the block size
	Properties []Property // in the order in which they are passed
	Parents    bool       // also make what is missing above it
	Sparse     bool       // no refreservation: space is taken as it is written
}

// CreateVolume makes a volume. An existing one of the same name is zfs's error.
func CreateVolume(s CreateVolumeSpec) Command {
	c := command("create volume", "create", s.Volume).notRoot(s.Volume.Name)
	if s.Parents {
		c = c.with("-p")
	}
	if s.Sparse {
		c = c.with("-s")
	}
	c = c.options("-o", s.Properties).with("-V", strconv.FormatUint(s.Size, 10), s.Volume.full)
	c.changes = []Name{s.Volume.Name}
	return c
}

// Set sets properties of a dataset or snapshot. A volsize below the present one
// is refused when the command runs: shrinking a volume cuts off the end of the
// file system on it.
func Set(t Target, properties ...Property) Command {
	c := command("set properties of", "set", t).options("", properties).with(t.String())
	if len(properties) == 0 && c.err == nil {
		c.err = fmt.Errorf("cannot set properties of %s: none given", t)
	}
	for _, p := range properties {
		if p.name == "volsize" {
			c.volsize = p.value
		}
	}
	c.changes = []Name{t.dataset()}
	return c
}

// TakeSnapshot takes a snapshot.
func TakeSnapshot(s Snapshot, properties ...Property) Command {
	c := command("take snapshot", "snapshot", s).options("-o", properties).with(s.String())
	c.changes = []Name{s.of}
	return c
}

// Clone makes a volume from a snapshot.
func Clone(from Snapshot, to Volume, properties ...Property) Command {
	c := command("clone "+from.String()+" to", "clone", to).notRoot(to.Name).options("-o", properties).with(from.String(), to.full)
	if from.String() == "" && c.err == nil {
		c.err = fmt.Errorf("cannot clone to %s: no snapshot is named", to)
	}
	c.changes, c.uses = []Name{to.Name}, []Name{from.of}
	return c
}

// Promote makes a clone independent of the volume it was cloned from, and that
// one a clone of it.
func Promote(v Volume, origin Name) Command {
	c := command("promote", "promote", v).with(v.full)
	c.changes = []Name{v.Name, origin}
	return c
}

// Rollback takes a dataset back to a snapshot; with destroyNewer the snapshots
// taken since are destroyed (zfs refuses otherwise).
func Rollback(s Snapshot, destroyNewer bool) Command {
	c := command("roll back to", "rollback", s)
	if destroyNewer {
		c = c.with("-r")
	}
	c = c.with(s.String())
	c.changes = []Name{s.of}
	return c
}

// Rename gives a dataset another name below the same root.
func Rename(from, to Name) Command {
	c := command("rename "+from.full+" to", "rename", to).notRoot(from).notRoot(to).with(from.full, to.full)
	if c.err == nil && (from.full == "" || from.root != to.root) {
		c.err = fmt.Errorf("cannot rename %s to %s: not below one root", quote(from.full), to)
	}
	c.changes = []Name{from, to}
	return c
}

// DestroyOptions says how far a destroy goes.
type DestroyOptions struct {
	Recursive bool // also what is below, and all snapshots (-r); never clones (-R)
	Force     bool // unmount file systems (-f)
	Defer     bool // snapshots only: when the last clone or hold is gone (-d)
}

// Destroy removes a dataset or a snapshot. The root itself is refused.
func Destroy(t Target, o DestroyOptions) Command {
	c := command("destroy", "destroy", t)
	if _, snapshot := t.(Snapshot); !snapshot {
		c = c.notRoot(t.dataset())
	}
	for _, f := range []struct {
		on   bool
		flag string
	}{{o.Recursive, "-r"}, {o.Force, "-f"}, {o.Defer, "-d"}} {
		if f.on {
			c = c.with(f.flag)
		}
	}
	c = c.with(t.String())
	c.changes = []Name{t.dataset()}
	return c
}

// DestroySnapshots removes all snapshots of one volume (zfs's own "@%").
func DestroySnapshots(v Volume) Command {
	c := command("destroy all snapshots of", "destroy", v).notRoot(v.Name).with("-f", v.full+"@%")
	c.changes = []Name{v.Name}
	return c
}

// Types of dataset in a get or list, as zfs spells them.
const (
	Filesystems = "filesystem"
	Volumes     = "volume"
	Snapshots   = "snapshot"
)

// Query says what a get or list reads.
type Query struct {
	Targets    []Target // at least one
	Properties []string // in the order in which zfs prints them
	Types      []string // empty: what the target is
	Recursive  bool
	Depth      int // with Recursive: how far down; 0 is all the way
}

func (q Query) build(seam, fields string) Command {
	if len(q.Targets) == 0 {
		return Command{err: fmt.Errorf("cannot read datasets: none is named")}
	}
	c := command("read", seam, q.Targets[0])
	c.err = firstError(c.err, checkReadable(q.Properties))
	switch {
	case q.Recursive && q.Depth > 0:
		c = c.with("-d", strconv.Itoa(q.Depth))
	case q.Recursive:
		c = c.with("-r")
	}
	c = c.with("-Hp")
	if len(q.Types) > 0 {
		c = c.with("-t", join(q.Types))
	}
	if fields != "" {
		c = c.with("-o", fields, join(q.Properties))
	} else {
		c = c.with("-o", join(q.Properties))
	}
	for _, t := range q.Targets {
		if t.String() == "" {
			c.err = fmt.Errorf("cannot read datasets: one has no name")
		}
		c = c.with(t.String())
		c.reads = append(c.reads, t.dataset())
	}
	return c
}

// Get reads properties, one line each with the given fields (a subset of
// name,property,value,received,source).
func Get(q Query, fields ...string) Command {
	for _, f := range fields {
		switch f {
		case "name", "property", "value", "received", "source":
		default:
			return Command{err: fmt.Errorf("cannot read datasets: zfs get has no field %s", quote(f))}
		}
	}
	return q.build("get", join(fields))
}

// List reads properties, one line a dataset.
func List(q Query) Command { return q.build("list", "") }

func join(parts []string) string {
	s := ""
	for i, p := range parts {
		if i > 0 {
			s += ","
		}
		s += p
	}
	return s
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
