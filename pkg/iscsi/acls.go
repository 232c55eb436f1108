package iscsi

import (
	"fmt"
	"path"
	"slices"
)

// acls makes what is missing: the initiator, its secrets, and each LUN under the
// number that it has in the target.
func (w *work) acls(t Target, s *state) error {
	for _, a := range t.ACLs {
		dir := path.Join(w.c.groupDir(t.IQN), "acls", a.Initiator.name)
		fresh := !slices.Contains(s.ACLs, a.Initiator.name)
		if fresh {
			if err := w.make(Change{Op: opMakeACL, Want: a.Initiator.name}, dir); err != nil {
				return err
			}
		}
		if err := w.chap(path.Join(dir, "auth"), w.acl(a.Initiator.name), a.CHAP, fresh); err != nil {
			return err
		}
		for _, l := range t.LUNs {
			if err := w.mapped(dir, a, l.Number, fresh); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *work) acl(initiator string) string {
	return fmt.Sprintf("initiator %s at %s", initiator, w.object())
}

func (w *work) mapped(acl string, a ACL, number int, fresh bool) error {
	name := fmt.Sprintf("lun_%d", number)
	dir := path.Join(acl, name)
	if !fresh {
		entries, err := w.c.o.FS.ReadDir(dir)
		if err == nil && slices.ContainsFunc(entries, func(e Entry) bool { return e.Link }) {
			return nil
		}
		if gone(err) != nil {
			return w.c.unreadable(w.iqn, err)
		}
	}
	object := w.acl(a.Initiator.name)
	if err := w.make(Change{Op: opMapLUN, Object: object, Want: name}, dir); err != nil {
		return err
	}
	return w.link(Change{Op: opLinkMapped, Object: object, Want: name}, lunDir(w.c.groupDir(w.iqn), number), path.Join(dir, name))
}

// unmap removes one mapped LUN of one ACL.
func (w *work) unmap(group, initiator, name string) error {
	dir := path.Join(group, "acls", initiator, name)
	entries, err := w.c.o.FS.ReadDir(dir)
	if err != nil {
		if gone(err) == nil {
			return nil
		}
		return w.c.unreadable(w.iqn, err)
	}
	object := w.acl(initiator)
	for _, e := range entries {
		if !e.Link {
			continue
		}
		if err := w.unlink(Change{Op: opUnlinkMapped, Object: object, Is: name}, path.Join(dir, e.Name)); err != nil {
			return err
		}
	}
	return w.drop(Change{Op: opUnmapLUN, Object: object, Is: name}, dir)
}

// removeACL removes an initiator with what is mapped for it.
func (w *work) removeACL(group, initiator string) error {
	dir := path.Join(group, "acls", initiator)
	entries, err := w.c.o.FS.ReadDir(dir)
	if gone(err) != nil {
		return w.c.unreadable(w.iqn, err)
	}
	for _, e := range entries {
		if e.Dir && isLUN(e.Name) {
			if err := w.unmap(group, initiator, e.Name); err != nil {
				return err
			}
		}
	}
	return w.drop(Change{Op: opRemoveACL, Is: initiator}, dir)
}

func isLUN(name string) bool { return len(name) > 4 && name[:4] == "lun_" }
