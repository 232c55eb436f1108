package grammar

import (
	"regexp"
	"strings"
)

// Tree is one of the two datasets of a Layout.
type Tree int

// The trees.
const (
	Volumes Tree = iota
	Detached
)

// Object is what a command is aimed at: a tree's own dataset, one below it, or
// a snapshot of one.
type Object struct {
	Tree     Tree
	Path     []string // below the tree's dataset; empty is the tree itself
	Snapshot string   // behind the @; AllSnapshots stands for every one
}

// AllSnapshots is zfs's own sign for all snapshots of a dataset, the only range
// that the driver uses.
const AllSnapshots = "%"

var (
	volumeID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)
	// component is what a snapshot, and so the dataset of a detached one, may be
	// called. zfs has no place for the + that the driver would let through.
	component = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)
)

// maxName is ZFS_MAX_DATASET_NAME_LEN (256) without its NUL.
const maxName = 255

// Dataset returns the full name of the dataset, without a snapshot.
func (o Object) Dataset(l Layout) string {
	return strings.Join(append([]string{l.of(o.Tree)}, o.Path...), "/")
}

// Name returns the full name.
func (o Object) Name(l Layout) string {
	if o.Snapshot == "" {
		return o.Dataset(l)
	}
	return o.Dataset(l) + "@" + o.Snapshot
}

// IsVolume reports whether o is a volume's own dataset.
func (o Object) IsVolume() bool { return o.Tree == Volumes && len(o.Path) == 1 && o.Snapshot == "" }

// IsDetached reports whether o is a detached snapshot's own dataset.
func (o Object) IsDetached() bool { return o.Tree == Detached && len(o.Path) == 2 && o.Snapshot == "" }

// IsSnapshot reports whether o is one snapshot of a volume or of a detached snapshot.
func (o Object) IsSnapshot() bool {
	one := o.Snapshot != "" && o.Snapshot != AllSnapshots
	return one && ((o.Tree == Volumes && len(o.Path) == 1) || (o.Tree == Detached && len(o.Path) == 2))
}

// IsContainerSnapshot reports whether o is one snapshot of a container of detached
// snapshots, which the driver asks for when a snapshot id has no slash.
func (o Object) IsContainerSnapshot() bool {
	return o.Snapshot != "" && o.Snapshot != AllSnapshots && o.Tree == Detached && len(o.Path) == 1
}

func (l Layout) object(s string) (Object, error) {
	if len(s) > maxName {
		return Object{}, refuse("name %s has %d bytes, zfs allows %d", quote(s), len(s), maxName)
	}
	dataset, snapshot, isSnapshot := strings.Cut(s, "@")
	o := Object{Snapshot: snapshot}
	rest := ""
	switch {
	case dataset == l.volumes, strings.HasPrefix(dataset, l.volumes+"/"):
		rest = dataset[len(l.volumes):]
	case dataset == l.detached, strings.HasPrefix(dataset, l.detached+"/"):
		o.Tree, rest = Detached, dataset[len(l.detached):]
	default:
		return Object{}, refuse("%s is neither in %s nor in %s, and nothing else may be named here", quote(s), l.volumes, l.detached)
	}
	if rest != "" {
		o.Path = strings.Split(rest[1:], "/")
	}
	if len(o.Path) > 2 {
		return Object{}, refuse("%s is deeper than anything that the driver makes", quote(s))
	}
	for i, p := range o.Path {
		if (i == 0 && !volumeID.MatchString(p)) || !component.MatchString(p) {
			return Object{}, refuse("%s in %s is no name: letters, digits, - and _ are allowed, at most 128, a letter or digit first", quote(p), quote(s))
		}
	}
	if isSnapshot && snapshot != AllSnapshots && !component.MatchString(snapshot) {
		return Object{}, refuse("%s is no name of a snapshot: letters, digits and - _ . : are allowed, at most 128, a letter or digit first", quote(snapshot))
	}
	return o, nil
}
