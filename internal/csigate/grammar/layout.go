package grammar

import (
	"fmt"
	"strings"
)

// Layout is the two datasets that the driver works in. The driver demands that
// neither lies within the other.
type Layout struct {
	volumes  string
	detached string
}

// NewLayout returns the layout below a root dataset: root/v for volumes, root/s
// for detached snapshots.
func NewLayout(root string) (Layout, error) {
	if !strings.Contains(root, "/") {
		return Layout{}, fmt.Errorf("cannot use %s as root dataset: it is a whole pool", quote(root))
	}
	for _, part := range strings.Split(root, "/") {
		if !component.MatchString(part) {
			return Layout{}, fmt.Errorf("cannot use %s as root dataset: %s is no name of a dataset", quote(root), quote(part))
		}
	}
	return Layout{volumes: root + "/v", detached: root + "/s"}, nil
}

// Volumes returns the dataset of the volumes (datasetParentName).
func (l Layout) Volumes() string { return l.volumes }

// Detached returns the dataset of detached snapshots
// (detachedSnapshotsDatasetParentName).
func (l Layout) Detached() string { return l.detached }

func (l Layout) of(t Tree) string {
	if t == Detached {
		return l.detached
	}
	return l.volumes
}
