package zfs

import "fmt"

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
