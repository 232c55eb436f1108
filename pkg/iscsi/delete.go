package iscsi

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
)

// Delete removes a target with its LUNs and backstores; one that is not there is
// success. Sessions are a refusal (ErrInUse) unless force, which makes the kernel
// log the initiators out: writes that they hold back are lost.
//
// The order is made for being killed anywhere: the target's folder goes last, so
// that the next Delete finds what is left. Its backstore, should only that be
// left, is found by its name.
func (c *Client) Delete(ctx context.Context, i IQN, force bool) error {
	if err := c.owned(i); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return fmt.Errorf("cannot remove target %s: %w", i, err)
	}
	defer unlock()
	if err := c.usable(i); err != nil {
		return err
	}
	s, err := c.look(i)
	if err != nil {
		return err
	}
	w := &work{c: c, ctx: ctx, iqn: i}
	return w.watched(func() error { return w.remove(s, force) })
}

func (w *work) remove(s state, force bool) error {
	dir := w.c.targetDir(w.iqn)
	groups := slices.Clone(s.Groups)
	if s.group {
		groups = append(groups, "tpgt_1")
	}
	for _, name := range groups {
		if err := w.removeGroup(path.Join(dir, name), force); err != nil {
			return err
		}
	}
	if err := w.leftover(0); err != nil {
		return err
	}
	if !s.target {
		return nil
	}
	return w.drop(Change{Op: opRemoveTarget, Is: w.iqn.name}, dir)
}

// removeGroup takes a portal group down from the outside in: no logins, no LUNs,
// no initiators, no portals.
func (w *work) removeGroup(group string, force bool) error {
	s := state{State: State{IQN: w.iqn}}
	if err := w.c.lookGroup(&s, group); err != nil {
		return err
	}
	if s.Enabled {
		if err := w.logout(group, force); err != nil {
			return err
		}
	}
	for _, l := range s.LUNs {
		err := w.removeLUN(group, s.ACLs, l, func(name, dir string) error {
			// ErrClaimed: another portal group has it too, and takes it along.
			if err := w.removeBackstore(name, dir); err != nil && !errors.Is(err, ErrClaimed) {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, initiator := range s.ACLs {
		if err := w.removeACL(group, initiator); err != nil {
			return err
		}
	}
	for _, p := range s.Portals {
		if err := w.drop(Change{Op: opRemovePortal, Is: p}, path.Join(group, "np", p)); err != nil {
			return err
		}
	}
	return w.drop(Change{Op: opRemovePortalGroup, Is: path.Base(group)}, group)
}

// logout disables a portal group, which ends its sessions.
func (w *work) logout(group string, force bool) error {
	sessions, err := w.c.sessions(w.iqn, path.Base(group))
	if err != nil {
		return err
	}
	if len(sessions) > 0 && !force {
		return &Error{Op: opRemoveTarget, Object: w.object(), Kind: ErrInUse,
			Advice: fmt.Sprintf("%s logged in; log out there, or force it and lose what was not yet written", who(sessions))}
	}
	return w.write(Change{Op: opDisablePortalGroup, Is: "enabled", Want: "disabled"}, path.Join(group, "enable"), "0")
}

// leftover removes the backstore that a LUN of the given number would have, when
// none leads to it: a delete or a create was killed in between. One on a device
// that is not ours is left alone.
func (w *work) leftover(number int) error {
	name := w.c.conventional(w.iqn, number)
	dir := w.c.backstoreDir(name)
	device, err := w.c.read(path.Join(dir, "udev_path"))
	switch {
	case gone(err) != nil:
		return w.c.unreadable(w.iqn, err)
	case err != nil:
		return w.removeAdapter(name, path.Dir(dir))
	case device != "" && !w.c.ourDevice(device):
		return nil
	}
	if err := w.removeBackstore(name, dir); !errors.Is(err, ErrClaimed) {
		return err
	}
	return nil // a LUN of another target has it
}
