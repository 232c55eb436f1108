package zfs

import (
	"fmt"
	"strings"
)

// Snapshot is a snapshot of a dataset at or below a Root. Like a Name it comes
// from a Root only.
type Snapshot struct {
	of   Name
	name string
}

// Snapshot parses the full name of a snapshot, e.g. rpool/k8s-csi/v/pvc-1@daily.
func (r Root) Snapshot(s string) (Snapshot, error) {
	dataset, name, found := strings.Cut(s, "@")
	if !found {
		return Snapshot{}, fmt.Errorf("cannot use snapshot %s: it has no @", quote(s))
	}
	n, err := r.Name(dataset)
	if err != nil {
		return Snapshot{}, err
	}
	return n.Snapshot(name)
}

// Snapshot returns the snapshot of n with the given name (what stands behind the @).
func (n Name) Snapshot(name string) (Snapshot, error) {
	if n.full == "" {
		return Snapshot{}, fmt.Errorf("cannot use snapshot %s: it belongs to no dataset", quote(name))
	}
	if err := checkComponent(name); err != nil {
		return Snapshot{}, fmt.Errorf("cannot use snapshot %s of %s: %w", quote(name), n.full, err)
	}
	if length := len(n.full) + 1 + len(name); length > MaxName {
		return Snapshot{}, fmt.Errorf("cannot use snapshot %s of %s: the full name has %d bytes, zfs allows %d", quote(name), n.full, length, MaxName)
	}
	return Snapshot{of: n, name: name}, nil
}

// String returns the full name; empty for the zero value.
func (s Snapshot) String() string {
	if s.of.full == "" {
		return ""
	}
	return s.of.full + "@" + s.name
}

// Of returns the dataset that s is a snapshot of.
func (s Snapshot) Of() Name { return s.of }

// Name returns what stands behind the @.
func (s Snapshot) Name() string { return s.name }

func (s Snapshot) dataset() Name { return s.of }
