package zfs

import (
	"fmt"
	"strconv"
)

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
