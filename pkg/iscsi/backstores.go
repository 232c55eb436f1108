package iscsi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"
)

// backstore returns the folder of a LUN's backstore: where the LUN links to when
// it does, otherwise the place that the name stands for. An older host's is
// wherever targetcli put it.
func (w *work) backstore(s *state, l LUN) string {
	if is := s.lun(l.Number); is != nil && is.dir != "" {
		return is.dir
	}
	if dir := s.kept[l.Backstore.Name]; dir != "" {
		return dir
	}
	return w.c.backstoreDir(l.Backstore.Name)
}

// backstores makes what is missing and sets what differs.
func (w *work) backstores(t Target, s *state) error {
	for _, l := range t.LUNs {
		if err := w.oneBackstore(s, l); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) oneBackstore(s *state, l LUN) error {
	err := w.tryBackstore(s, l)
	var e *Error
	if !errors.As(err, &e) || e.Op != opEnableBackstore || e.Kind != ErrClaimed {
		return err
	}
	holder, found := w.c.holder(w.ctx, l.Backstore.Device, w.backstore(s, l))
	if !found {
		return err
	}
	if taken := w.takeOver(s, l, holder); taken != nil {
		e.Advice += fmt.Sprintf(" (it is backstore %s in %s)", holder.Name, path.Base(path.Dir(holder.dir)))
		return errors.Join(e, taken)
	}
	return w.tryBackstore(s, l)
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

func (w *work) tryBackstore(s *state, l LUN) error {
	b, dir := l.Backstore, w.backstore(s, l)
	object := "backstore " + b.Name
	is := s.lun(l.Number)
	linked := is != nil && is.link != ""
	enabled, err := w.c.read(path.Join(dir, "enable"))
	switch {
	case errors.Is(err, syscall.ENOENT):
		if err := w.newBackstore(b, dir); err != nil {
			return err
		}
		return w.setBackstore(b, dir, true)
	case err != nil:
		return w.c.unreadable(w.iqn, err)
	case enabled == "1" && !linked:
		// Left over, or somebody else's LUN: only the right device may be reused.
		device, err := w.c.read(path.Join(dir, "udev_path"))
		if err != nil {
			return w.c.unreadable(w.iqn, err)
		}
		if device != b.Device {
			if err := w.drop(Change{Op: opRemoveBackstore, Object: object, Is: device, Want: b.Device}, dir); err != nil {
				return err
			}
			if err := w.newBackstore(b, dir); err != nil {
				return err
			}
			return w.setBackstore(b, dir, true)
		}
	case enabled != "1":
		if err := w.configure(b, dir); err != nil {
			return err
		}
		return w.setBackstore(b, dir, true)
	}
	if err := w.setSerial(b, dir); err != nil {
		return err
	}
	return w.setBackstore(b, dir, false)
}

func (w *work) newBackstore(b Backstore, dir string) error {
	object := "backstore " + b.Name
	hba := path.Dir(dir)
	if err := w.make(Change{Op: opMakeHBA, Object: object, Want: path.Base(hba)}, hba); err != nil {
		return err
	}
	if err := w.make(Change{Op: opMakeBackstore, Object: object, Want: b.Name}, dir); err != nil {
		return err
	}
	return w.configure(b, dir)
}

// configure gives a backstore its device and opens it. The serial comes before:
// what is enabled has one.
func (w *work) configure(b Backstore, dir string) error {
	object := "backstore " + b.Name
	if err := w.write(Change{Op: opSetDevice, Object: object, Want: b.Device}, path.Join(dir, "control"), "udev_path="+b.Device); err != nil {
		return err
	}
	// What rtslib and targetcli show as the device.
	if err := w.write(Change{Op: opSetDevice, Object: object, Want: b.Device}, path.Join(dir, "udev_path"), b.Device); err != nil {
		return err
	}
	if err := w.write(Change{Op: opSetSerial, Object: object, Want: b.serial()}, path.Join(dir, "wwn/vpd_unit_serial"), b.serial()); err != nil {
		return err
	}
	return w.write(Change{Op: opEnableBackstore, Object: object, Is: "disabled", Want: "enabled"}, path.Join(dir, "enable"), "1")
}

// setSerial repairs the serial of a backstore that is enabled. retire has taken
// it out of its LUN when it must not keep the one that it has.
func (w *work) setSerial(b Backstore, dir string) error {
	is, err := w.c.serialOf(dir)
	if err != nil {
		return w.c.unreadable(w.iqn, err)
	}
	if is == b.serial() || (is != "" && b.Serial == "") {
		return nil
	}
	return w.write(Change{Op: opSetSerial, Object: "backstore " + b.Name, Is: is, Want: b.serial()}, path.Join(dir, "wwn/vpd_unit_serial"), b.serial())
}

func (c *Client) serialOf(dir string) (string, error) {
	text, err := c.read(path.Join(dir, "wwn/vpd_unit_serial"))
	_, serial, _ := strings.Cut(text, ":")
	return strings.TrimSpace(serial), err
}

func (w *work) setBackstore(b Backstore, dir string, fresh bool) error {
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		file := path.Join(dir, "attrib", name)
		if err := w.set(opSetBackstore, "backstore "+b.Name, file, name, b.Attributes[name], fresh); err != nil {
			return err
		}
	}
	return nil
}

// removeBackstore removes a backstore and its host adapter's folder, when
// nothing else is in there.
func (w *work) removeBackstore(name, dir string) error {
	object := "backstore " + name
	if err := w.drop(Change{Op: opRemoveBackstore, Object: object, Is: name}, dir); err != nil {
		return err
	}
	return w.removeAdapter(name, path.Dir(dir))
}

// removeAdapter removes a host adapter's folder unless there is a backstore in it.
func (w *work) removeAdapter(name, hba string) error {
	return w.do(Change{Op: opRemoveHBA, Object: "backstore " + name, Is: path.Base(hba)}, hba, func(fs FS) error {
		if err := fs.Rmdir(hba); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
			return gone(err)
		}
		return nil
	})
}

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
	return w.removeBackstore(b.Name, b.dir)
}
