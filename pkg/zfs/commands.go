package zfs

import (
	"fmt"
	"strconv"
)

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
		if p.name != "volsize" {
			continue
		}
		if c.volsize != "" {
			c.err = fmt.Errorf("cannot set properties of %s: volsize is given twice", t)
		}
		c.volsize = p.value
	}
	c.changes = []Name{t.dataset()}
	return c
}

// Inherit takes back what was set of one property, which then is as on the
// dataset above; a user property that is set nowhere above is gone.
func Inherit(t Target, property string) Command {
	c := command("inherit "+property+" of", "inherit", t)
	if err := checkReadable([]string{property}); err != nil && c.err == nil {
		c.err = err
	}
	c = c.with(property, t.String())
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
