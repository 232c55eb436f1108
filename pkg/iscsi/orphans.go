package iscsi

import (
	"context"
	"errors"
	"path"
	"strings"
)

// BackstoreState is an iblock backstore whose device is one of ours.
type BackstoreState struct {
	Name    string
	Device  string
	Enabled bool
	dir     string
}

// Backstores lists the backstores of our devices, used by a target or not. It is
// for finding what was left over; nothing that makes a target calls it.
func (c *Client) Backstores(ctx context.Context) ([]BackstoreState, error) {
	adapters, err := c.folders(c.coreDir())
	if err != nil {
		return nil, notReady("list backstores", err)
	}
	var found []BackstoreState
	for _, hba := range adapters {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(hba, "iblock_") {
			continue
		}
		names, err := c.folders(path.Join(c.coreDir(), hba))
		if gone(err) != nil {
			return nil, notReady("list backstores", err)
		}
		for _, name := range names {
			b := BackstoreState{Name: name, dir: path.Join(c.coreDir(), hba, name)}
			b.Device, err = c.read(path.Join(b.dir, "udev_path"))
			if err != nil || !c.ourDevice(b.Device) {
				continue // gone meanwhile, or not ours
			}
			enabled, err := c.read(path.Join(b.dir, "enable"))
			b.Enabled = err == nil && enabled == "1"
			found = append(found, b)
		}
	}
	return found, nil
}

func (c *Client) ourDevice(path string) bool { return strings.HasPrefix(path, c.o.Devices+"/") }

// RemoveBackstore removes one that Backstores returned. One that a LUN links to
// is refused by the kernel (ErrClaimed).
func (c *Client) RemoveBackstore(ctx context.Context, b BackstoreState) error {
	if b.dir == "" {
		return notReady("remove backstore", errors.New("it does not come from Backstores"))
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	w := &work{c: c, ctx: ctx}
	return w.watched(func() error { return w.removeBackstore(b.Name, b.dir) })
}

// takeOver resolves that another backstore holds a device of ours: one of the
// right name is used where it is (an older host's), another one is removed. The
// kernel refuses that for one that a LUN links to.
func (w *work) takeOver(s *state, l LUN, holder BackstoreState) error {
	if holder.Name != l.Backstore.Name {
		return w.removeBackstore(holder.Name, holder.dir)
	}
	if err := w.removeBackstore(l.Backstore.Name, w.backstore(s, l)); err != nil {
		return err
	}
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[l.Backstore.Name] = holder.dir
	return nil
}

// holder finds another backstore that has the device. It lists all, and is
// called only when the kernel has said that the device is taken.
func (c *Client) holder(ctx context.Context, device, besides string) (BackstoreState, bool) {
	all, err := c.Backstores(ctx)
	if err != nil {
		return BackstoreState{}, false
	}
	for _, b := range all {
		if b.Device == device && b.dir != besides && b.Enabled {
			return b, true
		}
	}
	return BackstoreState{}, false
}
