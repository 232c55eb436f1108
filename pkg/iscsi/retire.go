package iscsi

import (
	"fmt"
	"path"
	"slices"
)

// fixed are attributes that the kernel does not change while a LUN links to the
// backstore (target_core_configfs.c, export_count).
var fixed = []string{
	"block_size", "emulate_model_alias", "emulate_tas", "emulate_ua_intlck_ctrl",
	"force_pr_aptpl", "optimal_sectors", "queue_depth", "unmap_zeroes_data",
}

// retire removes what is there and should not be, or stands in the way of what
// should. Whoever is logged in loses no LUN: then it is refused.
func (w *work) retire(t Target, s *state) error {
	if err := w.retirePortals(t, s); err != nil {
		return err
	}
	for _, l := range slices.Clone(s.LUNs) {
		why, err := w.wrong(t, l)
		if err != nil {
			return err
		}
		if why == "" {
			continue
		}
		if err := w.quiesce(s, why); err != nil {
			return err
		}
		if err := w.retireLUN(t, s, l); err != nil {
			return err
		}
	}
	return w.retireACLs(t, s)
}

// retirePortals removes what is not wanted, 0.0.0.0 first of all. Sessions that
// were made through a portal outlive it.
func (w *work) retirePortals(t Target, s *state) error {
	want := make([]string, 0, len(t.Portals))
	for _, p := range t.Portals {
		want = append(want, p.String())
	}
	for _, p := range slices.Clone(s.Portals) {
		if slices.Contains(want, p) {
			continue
		}
		if err := w.drop(Change{Op: opRemovePortal, Is: p}, path.Join(w.c.groupDir(t.IQN), "np", p)); err != nil {
			return err
		}
		s.Portals = slices.DeleteFunc(s.Portals, func(q string) bool { return q == p })
	}
	return nil
}

// wrong says why a LUN cannot stay as it is; empty when it can.
func (w *work) wrong(t Target, l LUNState) (string, error) {
	i := slices.IndexFunc(t.LUNs, func(x LUN) bool { return x.Number == l.Number })
	switch {
	case i < 0:
		return fmt.Sprintf("LUN %d is not wanted", l.Number), nil
	case l.link == "":
		return "", nil
	}
	b := t.LUNs[i].Backstore
	if l.Backstore != b.Name || l.Device != b.Device {
		return fmt.Sprintf("LUN %d is backstore %s on %s and should be %s on %s", l.Number, l.Backstore, l.Device, b.Name, b.Device), nil
	}
	serial, err := w.c.serialOf(l.dir)
	if err != nil {
		return "", w.c.unreadable(t.IQN, err)
	}
	if serial == "" || (b.Serial != "" && serial != b.Serial) {
		return fmt.Sprintf("the serial of LUN %d is %q and should be %q", l.Number, serial, b.serial()), nil
	}
	for _, name := range fixed {
		want, asked := b.Attributes[name]
		if !asked {
			continue
		}
		is, err := w.c.read(path.Join(l.dir, "attrib", name))
		if err != nil {
			return "", w.c.unreadable(t.IQN, err)
		}
		if is != want {
			return fmt.Sprintf("%s of LUN %d is %s and should be %s, which cannot be changed while it is exported", name, l.Number, is, want), nil
		}
	}
	return "", nil
}

// quiesce refuses when somebody is logged in, and otherwise disables the portal
// group so that nobody comes in meanwhile. Someone who logs in between the look
// and the disabling is logged out by the kernel, and comes back when the group
// is enabled again.
func (w *work) quiesce(s *state, why string) error {
	sessions, err := w.c.sessions(w.iqn, "tpgt_1")
	if err != nil {
		return err
	}
	if len(sessions) > 0 {
		return &Error{Op: "repair", Object: w.object(), Kind: ErrInUse,
			Advice: fmt.Sprintf("%s, but %s logged in; log out there first", why, who(sessions))}
	}
	if !s.Enabled {
		return nil
	}
	s.Enabled = false
	return w.write(Change{Op: opDisablePortalGroup, Is: "enabled", Want: "disabled"}, path.Join(w.c.groupDir(w.iqn), "enable"), "0")
}

// retireLUN takes a LUN away, and its backstore unless that is to be linked again.
func (w *work) retireLUN(t Target, s *state, l LUNState) error {
	s.LUNs = slices.DeleteFunc(s.LUNs, func(x LUNState) bool { return x.Number == l.Number })
	keep := slices.ContainsFunc(t.LUNs, func(x LUN) bool {
		return l.link != "" && x.Backstore.Name == l.Backstore && x.Backstore.Device == l.Device
	})
	if !keep {
		return w.removeLUN(w.c.groupDir(t.IQN), s.ACLs, l, w.removeBackstore)
	}
	// Kept where it is, also when that is not where we would put it.
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[l.Backstore] = l.dir
	return w.removeLUN(w.c.groupDir(t.IQN), s.ACLs, l, func(string, string) error { return nil })
}

// removeLUN unmaps and unlinks one LUN, hands its backstore to dispose, and
// removes the folder last: it is the only trace of a backstore that is no longer
// linked, should we be killed in between.
func (w *work) removeLUN(group string, acls []string, l LUNState, dispose func(name, dir string) error) error {
	name := fmt.Sprintf("lun_%d", l.Number)
	for _, initiator := range acls {
		if err := w.unmap(group, initiator, name); err != nil {
			return err
		}
	}
	if l.link == "" {
		if err := w.leftover(l.Number); err != nil {
			return err
		}
		return w.drop(Change{Op: opRemoveLUN, Is: name}, lunDir(group, l.Number))
	}
	if err := w.unlink(Change{Op: opUnlinkLUN, Is: fmt.Sprintf("%s is backstore %s", name, l.Backstore)}, l.link); err != nil {
		return err
	}
	if err := dispose(l.Backstore, l.dir); err != nil {
		return err
	}
	return w.drop(Change{Op: opRemoveLUN, Is: name}, lunDir(group, l.Number))
}

func (w *work) retireACLs(t Target, s *state) error {
	for _, initiator := range slices.Clone(s.ACLs) {
		if slices.ContainsFunc(t.ACLs, func(a ACL) bool { return a.Initiator.name == initiator }) {
			continue
		}
		sessions, err := w.c.sessions(w.iqn, "tpgt_1")
		if err != nil {
			return err
		}
		if slices.ContainsFunc(sessions, func(x Session) bool { return x.Initiator == initiator }) {
			return &Error{Op: "remove ACL", Object: w.acl(initiator), Kind: ErrInUse, Advice: "it is logged in; log out there first"}
		}
		if err := w.removeACL(w.c.groupDir(t.IQN), initiator); err != nil {
			return err
		}
		s.ACLs = slices.DeleteFunc(s.ACLs, func(x string) bool { return x == initiator })
	}
	return nil
}
