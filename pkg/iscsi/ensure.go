package iscsi

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
)

// Ensure makes the target what t says and returns what it changed; nothing
// changed is an empty answer. When it fails in the middle, or is killed there,
// the next call goes on. A change that would take a LUN away from an initiator
// that is logged in is refused (ErrInUse).
func (c *Client) Ensure(ctx context.Context, t Target) ([]Change, error) {
	t, err := c.complete(t)
	if err != nil {
		return nil, err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot make target %s: %w", t.IQN, err)
	}
	defer unlock()
	return c.converge(ctx, t, false)
}

// Look returns what Ensure would change, and changes nothing.
func (c *Client) Look(ctx context.Context, t Target) ([]Change, error) {
	t, err := c.complete(t)
	if err != nil {
		return nil, err
	}
	return c.converge(ctx, t, true)
}

func (c *Client) converge(ctx context.Context, t Target, dry bool) ([]Change, error) {
	if err := c.usable(t.IQN); err != nil {
		return nil, err
	}
	s, err := c.look(t.IQN)
	if err != nil {
		return nil, err
	}
	w := &work{c: c, ctx: ctx, iqn: t.IQN, dry: dry}
	if dry {
		err = w.steps(t, &s)
	} else {
		err = w.watched(func() error { return w.steps(t, &s) })
	}
	return w.changes, err
}

func (w *work) steps(t Target, s *state) error {
	for _, step := range []func(Target, *state) error{
		w.retire, w.folders, w.backstores, w.attributes, w.secrets, w.luns, w.acls, w.portals, w.enable,
	} {
		if err := step(t, s); err != nil {
			return err
		}
	}
	return nil
}

// folders makes the target, its portal group and its LUNs, before their
// backstores: a LUN's folder is what a Delete finds a backstore by, should we be
// killed before there is a link. The group is disabled until the end.
func (w *work) folders(t Target, s *state) error {
	if !s.target {
		if err := w.make(Change{Op: opMakeTarget, Want: t.IQN.name}, w.c.targetDir(t.IQN)); err != nil {
			return err
		}
	}
	if !s.group {
		if err := w.make(Change{Op: opMakePortalGroup, Want: "tpgt_1"}, w.c.groupDir(t.IQN)); err != nil {
			return err
		}
	}
	for _, l := range t.LUNs {
		if s.lun(l.Number) != nil {
			continue
		}
		dir := lunDir(w.c.groupDir(t.IQN), l.Number)
		if err := w.make(Change{Op: opMakeLUN, Want: path.Base(dir)}, dir); err != nil {
			return err
		}
	}
	return nil
}

// attributes sets what differs. authentication comes first, so that a group that
// is enabled already never takes logins without the secrets that it should ask
// for; the others in a fixed order.
func (w *work) attributes(t Target, s *state) error {
	names := slices.Sorted(maps.Keys(t.Attributes))
	for _, name := range names {
		file := path.Join(w.c.groupDir(t.IQN), "attrib", name)
		if err := w.set(opSetPortalGroup, "", file, name, t.Attributes[name], !s.group); err != nil {
			return err
		}
	}
	return nil
}

// set writes one attribute when it differs. A fresh object's is written without
// reading it first.
func (w *work) set(op, object, file, name, want string, fresh bool) error {
	is := ""
	if !fresh {
		var err error
		if is, err = w.c.read(file); err != nil {
			text, kind := advice(op, err)
			return &Error{Op: "read attribute " + name, Object: w.named(object), Path: file, Err: err, Kind: kind, Advice: text}
		}
		if is == want {
			return nil
		}
		is = name + "=" + is
	}
	return w.write(Change{Op: op, Object: object, Is: is, Want: name + "=" + want}, file, want)
}

func (w *work) named(object string) string {
	if object == "" {
		return w.object()
	}
	return object
}

// luns links what is not linked; retire has removed what was wrong.
func (w *work) luns(t Target, s *state) error {
	for _, l := range t.LUNs {
		dir := lunDir(w.c.groupDir(t.IQN), l.Number)
		is := s.lun(l.Number)
		if is != nil && is.link != "" {
			continue
		}
		name := l.Backstore.Name
		ch := Change{Op: opLinkLUN, Want: fmt.Sprintf("%s is backstore %s", path.Base(dir), name)}
		if err := w.link(ch, w.backstore(s, l), path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// portals makes what is missing. The portals of all targets of one address are
// one listening socket in the kernel.
func (w *work) portals(t Target, s *state) error {
	for _, p := range t.Portals {
		if slices.Contains(s.Portals, p.String()) {
			continue
		}
		dir := path.Join(w.c.groupDir(t.IQN), "np", p.String())
		if err := w.make(Change{Op: opMakePortal, Want: p.String()}, dir); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) enable(t Target, s *state) error {
	if s.Enabled {
		return nil
	}
	return w.write(Change{Op: opEnablePortalGroup, Is: "disabled", Want: "enabled"}, path.Join(w.c.groupDir(t.IQN), "enable"), "1")
}
