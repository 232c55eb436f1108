package iscsi

import (
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
	return w.opening(func() error {
		return w.write(Change{Op: opEnableBackstore, Object: object, Is: "disabled", Want: "enabled"}, path.Join(dir, "enable"), "1")
	})
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
