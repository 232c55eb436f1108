package zfs

import (
	"errors"
	"os"
	"slices"
	"strings"

	driver "github.com/waddle-social/waddle/pkg/zfs"
)

func (p *Pool) destroy(args []string) (string, error) {
	o, err := getopt(args, "nvprRfd")
	if err != nil {
		return "", err
	}
	if err := o.operands(1, 1); err != nil {
		return "", err
	}
	name := o.rest[0]
	if strings.Contains(name, "@") {
		return "", p.destroySnapshots(name, o)
	}
	n := p.nodes[name]
	if n == nil {
		return "", refuse("cannot open '%s': dataset does not exist", name)
	}
	if parent(name) == "" {
		return "", refuse("cannot destroy '%s': operation does not apply to pools\nuse 'zfs destroy -r %s' to destroy all datasets in the pool\nuse 'zpool destroy %s' to destroy the pool itself", name, name, name)
	}
	under := p.below(name)
	if len(under) > 0 && !o.has('r') && !o.has('R') {
		return "", refuse("cannot destroy '%s': %s has children\nuse '-r' to destroy the following datasets:\n%s", name, n.Type, strings.Join(under, "\n"))
	}
	if outside := p.clonesOutside(name, under); len(outside) > 0 && !o.has('R') {
		return "", refuse("cannot destroy '%s': %s has dependent clones\nuse '-R' to destroy the following datasets:\n%s", name, n.Type, strings.Join(outside, "\n"))
	}
	if o.has('R') && len(p.clonesOutside(name, under)) > 0 {
		return "", refuse("cannot destroy '%s': the stand-in does not destroy clones", name)
	}
	for _, d := range append(under, name) {
		if p.busy(d) {
			return "", refuse("cannot destroy '%s': dataset is busy", d)
		}
	}
	slices.Reverse(under) // deepest first
	for _, d := range append(under, name) {
		if err := p.drop(p.nodes[d]); err != nil {
			return "", err
		}
	}
	return "", nil
}

// clonesOutside returns the clones of what is below name that are not
// themselves below it.
func (p *Pool) clonesOutside(name string, under []string) []string {
	var outside []string
	for _, u := range under {
		for _, c := range p.clonesOf(u) {
			if !below(c, name) {
				outside = append(outside, c)
			}
		}
	}
	return outside
}

func (p *Pool) destroySnapshots(spec string, o options) error {
	dataset, list, _ := strings.Cut(spec, "@")
	if p.nodes[dataset] == nil {
		return refuse("cannot open '%s': dataset does not exist", dataset)
	}
	var found []*node
	for _, s := range p.snapshotsOf(dataset) {
		_, name, _ := strings.Cut(s.Name, "@")
		if list == "%" || slices.Contains(strings.Split(list, ","), name) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return refuse("could not find any snapshots to destroy; check snapshot names.")
	}
	for _, s := range found {
		clones := p.clonesOf(s.Name)
		if len(clones) == 0 {
			continue
		}
		if !o.has('d') {
			return refuse("cannot destroy '%s': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n%s", s.Name, strings.Join(clones, "\n"))
		}
	}
	for _, s := range found {
		if len(p.clonesOf(s.Name)) > 0 {
			later := s.copy()
			later.Defer = true
			if err := p.save(later); err != nil {
				return err
			}
			continue
		}
		if err := p.forget(s); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a dataset, and its origin when that only waited for its last
// clone to go.
func (p *Pool) drop(n *node) error {
	if n == nil {
		return nil // went with a clone of it
	}
	if err := p.forget(n); err != nil {
		return err
	}
	origin := p.nodes[n.Origin]
	if origin != nil && origin.Type == driver.Snapshots && origin.Defer && len(p.clonesOf(origin.Name)) == 0 {
		return p.forget(origin)
	}
	return nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
