package zfs

import (
	"fmt"
	"path"
	"strings"
)

// Target is what a command can be aimed at: a Name, a Volume or a Snapshot.
// Nothing outside this package can be one.
type Target interface {
	fmt.Stringer
	// dataset is the dataset that a change to the target has to be serialised on.
	dataset() Name
}

// Name is a dataset at or below a Root. Names come from a Root only; the zero
// value is refused. Two names are equal (==) when they are the same dataset.
type Name struct{ root, full string }

// Name parses the full name of a dataset, e.g. rpool/k8s-csi/v/pvc-1. What is
// not the root or below it is refused.
func (r Root) Name(s string) (Name, error) {
	if r.name == "" {
		return Name{}, fmt.Errorf("cannot use dataset %s: no root dataset is set", quote(s))
	}
	if err := checkPath(s); err != nil {
		return Name{}, fmt.Errorf("cannot use dataset %s: %w", quote(s), err)
	}
	if s != r.name && !strings.HasPrefix(s, r.name+"/") {
		return Name{}, fmt.Errorf("cannot use dataset %s: it is outside %s", quote(s), r.name)
	}
	return Name{root: r.name, full: s}, nil
}

// Child parses a dataset below n from its components, e.g. ("v", "pvc-1"). A
// component cannot contain a slash.
func (n Name) Child(components ...string) (Name, error) {
	for _, c := range components {
		if strings.Contains(c, "/") {
			return Name{}, fmt.Errorf("cannot use %s as one component below %s: it contains a slash", quote(c), n.full)
		}
	}
	return Root{name: n.root}.Name(n.full + "/" + strings.Join(components, "/"))
}

// String returns the full name; empty for the zero value.
func (n Name) String() string { return n.full }

// Base returns the last component.
func (n Name) Base() string { return path.Base(n.full) }

// Relative returns the name without the root; empty for the root itself.
func (n Name) Relative() string {
	return strings.TrimPrefix(strings.TrimPrefix(n.full, n.root), "/")
}

// IsRoot reports whether n is the root dataset itself.
func (n Name) IsRoot() bool { return n.full == n.root }

// Parent returns the dataset that n is in; the root is its own parent.
func (n Name) Parent() Name {
	if n.IsRoot() {
		return n
	}
	return Name{root: n.root, full: n.full[:strings.LastIndexByte(n.full, '/')]}
}

// Within reports whether n is other or below it.
func (n Name) Within(other Name) bool {
	return n.full != "" && n.root == other.root && (n.full == other.full || strings.HasPrefix(n.full, other.full+"/"))
}

func (n Name) dataset() Name { return n }

// Volume is a Name strictly below the root that is used as a zvol.
type Volume struct{ Name }

// Volume parses the full name of a volume. The root itself is refused.
func (r Root) Volume(s string) (Volume, error) {
	n, err := r.Name(s)
	if err != nil {
		return Volume{}, err
	}
	return n.Volume()
}

// Volume returns n as a volume. The root itself is refused.
func (n Name) Volume() (Volume, error) {
	if n.full == "" || n.IsRoot() {
		return Volume{}, fmt.Errorf("cannot use dataset %s as a volume: it is the root dataset", quote(n.full))
	}
	return Volume{Name: n}, nil
}
