package zfs

import (
	"sort"
	"strings"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

// snapshotsOf returns a dataset's snapshots, oldest first.
func (p *Pool) snapshotsOf(dataset string) []*node {
	var found []*node
	for _, n := range p.nodes {
		if strings.HasPrefix(n.Name, dataset+"@") {
			found = append(found, n)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Order < found[j].Order })
	return found
}

// move gives a node another name, and tells its clones.
func (p *Pool) move(n *node, to string) error {
	old := n.Name
	moved := n.copy()
	moved.Name = to
	if err := p.save(moved); err != nil {
		return err
	}
	for _, c := range p.clonesOf(old) {
		changed := p.nodes[c].copy()
		changed.Origin = to
		if err := p.save(changed); err != nil {
			return err
		}
	}
	delete(p.nodes, old)
	if n.Type == driver.Volumes {
		p.unlink(old)
		p.link(moved)
	}
	return removeFile(p.metaFile(old))
}

func (p *Pool) rename(args []string) (string, error) {
	o, err := getopt(args, "pfur")
	if err != nil {
		return "", err
	}
	if err := o.operands(2, 2); err != nil {
		return "", err
	}
	from, to := o.rest[0], o.rest[1]
	n := p.nodes[from]
	if n == nil {
		return "", refuse("cannot open '%s': dataset does not exist", from)
	}
	what := "cannot rename '" + from + "'"
	if p.nodes[to] != nil {
		return "", refuse("cannot rename to '%s': dataset already exists", to)
	}
	if below(to, from) {
		return "", refuse("cannot rename to '%s': New dataset name cannot be a descendant of current dataset name", to)
	}
	if p.busy(from) {
		return "", refuse("%s: dataset is busy", what)
	}
	if err := p.place("cannot rename to '"+to+"'", to, o.has('p')); err != nil {
		return "", err
	}
	for _, b := range p.below(from) {
		if err := p.move(p.nodes[b], to+strings.TrimPrefix(b, from)); err != nil {
			return "", err
		}
	}
	return "", p.move(p.nodes[from], to)
}

func (p *Pool) rollback(args []string) (string, error) {
	o, err := getopt(args, "rRf")
	if err != nil {
		return "", err
	}
	if err := o.operands(1, 1); err != nil {
		return "", err
	}
	s := p.nodes[o.rest[0]]
	if s == nil || s.Type != driver.Snapshots {
		return "", refuse("cannot open '%s': dataset does not exist", o.rest[0])
	}
	dataset, _, _ := strings.Cut(s.Name, "@")
	var newer []string
	for _, other := range p.snapshotsOf(dataset) {
		if other.Order > s.Order {
			newer = append(newer, other.Name)
		}
	}
	if len(newer) > 0 && !o.has('r') && !o.has('R') {
		return "", refuse("cannot rollback to '%s': more recent snapshots or bookmarks exist\nuse '-r' to force deletion of the following snapshots and bookmarks:\n%s", s.Name, strings.Join(newer, "\n"))
	}
	for _, name := range newer {
		if clones := p.clonesOf(name); len(clones) > 0 {
			return "", refuse("cannot rollback to '%s': clones of previous snapshots exist\nuse '-R' to force deletion of the following clones and dependents:\n%s", s.Name, strings.Join(clones, "\n"))
		}
	}
	for _, name := range newer {
		if err := p.forget(p.nodes[name]); err != nil {
			return "", err
		}
	}
	back := p.nodes[dataset].copy()
	back.Size = s.Size
	if s.Size > 0 {
		if err := p.refill(back, s); err != nil {
			return "", err
		}
	}
	return "", p.save(back)
}

func (p *Pool) inherit(args []string) (string, error) {
	o, err := getopt(args, "rS")
	if err != nil {
		return "", err
	}
	if err := o.operands(2, 2); err != nil {
		return "", err
	}
	name, n := canonical(o.rest[0]), p.nodes[o.rest[1]]
	if n == nil {
		return "", refuse("cannot open '%s': dataset does not exist", o.rest[1])
	}
	if t, known := natives[name]; !strings.Contains(name, ":") && (!known || !t.inherits) {
		return "", refuse("'%s' property cannot be inherited", name)
	}
	left := n.copy()
	delete(left.Props, name)
	return "", p.save(left)
}
