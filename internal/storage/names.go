package storage

import (
	"path"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// separator stands for the slash in a name that has to say where a volume is. It
// is in no name of a dataset, and needs no quoting in a URL or a shell.
const separator = "~"

// names gives every volume a name of its own. That of one in its place, and of
// one elsewhere whose last component no other has, is that component. Others are
// called by where they are, from the root dataset's last component on:
// k8s-csi~old~pvc-1 is rpool/k8s-csi/old/pvc-1.
func (w *world) names(root zfs.Root) {
	placed, elsewhere := map[string]bool{}, map[string]int{}
	for _, e := range w.entries {
		if base := e.info.Name.Base(); e.placed() {
			placed[base] = true
		} else {
			elsewhere[base]++
		}
	}
	for _, e := range w.entries {
		e.name = e.info.Name.Base()
		if !e.placed() && (placed[e.name] || elsewhere[e.name] > 1) {
			e.name = e.whole(root)
		}
	}
}

// placed reports whether a volume is where democratic-csi looks for it.
func (e *entry) placed() bool { return e.info.Name.Relative() == volumesChild+"/"+e.info.Name.Base() }

func (e *entry) whole(root zfs.Root) string {
	return strings.ReplaceAll(path.Join(path.Base(root.String()), e.info.Name.Relative()), "/", separator)
}

// find returns the volume of a name: the one that it has here, where it is, or
// its whole dataset. The last component alone is refused when several have it.
func (w *world) find(root zfs.Root, name string) (*entry, error) {
	var same []string
	for _, e := range w.entries {
		if name == e.name || name == e.whole(root) || name == e.info.Name.String() {
			return e, nil
		}
		if e.info.Name.Base() == name {
			same = append(same, e.name)
		}
	}
	if len(same) == 0 {
		return nil, problem.New(problem.NotFound, "see what there is: waddle storage volumes", "there is no volume %s", short(name))
	}
	p := problem.New(problem.Conflict, "give one of these names: "+strings.Join(same, ", "), "%d volumes are called %s", len(same), short(name))
	p.Others = same
	return nil, p
}
