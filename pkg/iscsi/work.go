package iscsi

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// The operations, as the seam and errors name them. They read after "cannot".
const (
	opMakeHBA            = "make host adapter"
	opMakeBackstore      = "make backstore"
	opSetDevice          = "set device"
	opSetSerial          = "set serial"
	opEnableBackstore    = "enable backstore"
	opSetBackstore       = "set attribute"
	opRemoveBackstore    = "remove backstore"
	opRemoveHBA          = "remove host adapter"
	opMakeTarget         = "make target"
	opMakePortalGroup    = "make portal group"
	opSetPortalGroup     = "set portal group attribute"
	opSetAuth            = "set CHAP"
	opMakeLUN            = "make LUN"
	opLinkLUN            = "link LUN"
	opMakeACL            = "make ACL"
	opMapLUN             = "map LUN"
	opLinkMapped         = "link mapped LUN"
	opMakePortal         = "make portal"
	opEnablePortalGroup  = "enable portal group"
	opDisablePortalGroup = "disable portal group"
	opUnlinkMapped       = "unlink mapped LUN"
	opUnmapLUN           = "unmap LUN"
	opRemoveACL          = "remove ACL"
	opUnlinkLUN          = "unlink LUN"
	opRemoveLUN          = "remove LUN"
	opRemovePortal       = "remove portal"
	opRemovePortalGroup  = "remove portal group"
	opRemoveTarget       = "remove target"
)

// Change is one thing that differed, and that Ensure removed or Look found.
type Change struct {
	Op     string // how the difference is removed
	Object string // what differs: "target iqn.…", "backstore pvc-1"
	Is     string // what is there; empty when nothing is
	Want   string // what should be; empty when nothing should
}

func (c Change) String() string {
	return fmt.Sprintf("%s: is %q, want %q", phrase(c.Op, c.Object), c.Is, c.Want)
}

// work is one run over one target. A dry one goes the same way and changes
// nothing, so that what Look says and what Ensure does are the same code.
type work struct {
	c       *Client
	ctx     context.Context
	iqn     IQN
	dry     bool
	changes []Change
	watch   watch
}

func (w *work) object() string { return "target " + w.iqn.name }

// do records a change and, unless dry, makes it; watched has to be around it.
// object is the target when empty.
func (w *work) do(ch Change, path string, call func(FS) error) error {
	if ch.Object == "" {
		ch.Object = w.object()
	}
	if err := w.ctx.Err(); err != nil {
		return fmt.Errorf("cannot %s: %w", phrase(ch.Op, ch.Object), context.Cause(w.ctx))
	}
	if w.dry {
		w.changes = append(w.changes, ch)
		return nil
	}
	if err := w.c.o.Seam(ch.Op); err != nil {
		return fmt.Errorf("cannot %s: %w", phrase(ch.Op, ch.Object), err)
	}
	w.enter(ch, path)
	err := again(func() error { return call(w.c.o.FS) })
	if left := w.leave(); left != nil {
		return left
	}
	if err != nil {
		text, kind := advice(ch.Op, err)
		return &Error{Op: ch.Op, Object: ch.Object, Path: path, Kind: kind, Err: err, Advice: text}
	}
	w.changes = append(w.changes, ch)
	return nil
}

// restartSys is the kernel's ERESTARTSYS. A zvol's open gives it back when ZFS's
// namespace is locked just now, by a zfs command or by another open, and counts
// on being called again (OpenZFS, zvol_os.c, zvol_open). The open system call
// does that; LIO hands it on to whoever enables the backstore.
const restartSys = syscall.Errno(512)

const (
	restartFor   = 20 * time.Second
	restartPause = 5 * time.Millisecond
)

// opening is around what opens a backstore's device. ZFS opens one zvol at a time
// for the first time (under spa_namespace_lock), and whoever comes meanwhile looks
// again and again without a place in a queue (zvol_open): of sixteen that came at
// once, one got no turn within ten seconds. So ours come one after the other. A
// call that the kernel keeps for longer than the watchdog waits holds up nobody.
func (w *work) opening(call func() error) error {
	if w.dry {
		return call()
	}
	limit := time.NewTimer(w.c.o.Watchdog)
	defer limit.Stop()
	select {
	case <-w.c.open:
		defer func() { w.c.open <- struct{}{} }()
	case <-limit.C:
	case <-w.ctx.Done(): // call says so
	}
	return call()
}

// again repeats a call that the kernel wants to have repeated.
func again(call func() error) error {
	err := call()
	for began := time.Now(); errors.Is(err, restartSys) && time.Since(began) < restartFor; err = call() {
		time.Sleep(restartPause)
	}
	return err
}

// make makes a folder; one that is there already is success.
func (w *work) make(ch Change, dir string) error {
	return w.do(ch, dir, func(fs FS) error {
		if err := fs.Mkdir(dir); err != nil && !errors.Is(err, syscall.EEXIST) {
			return err
		}
		return nil
	})
}

// drop removes a folder; one that is gone already is success.
func (w *work) drop(ch Change, dir string) error {
	return w.do(ch, dir, func(fs FS) error { return gone(fs.Rmdir(dir)) })
}

func (w *work) unlink(ch Change, link string) error {
	return w.do(ch, link, func(fs FS) error { return gone(fs.Remove(link)) })
}

func (w *work) link(ch Change, target, link string) error {
	return w.do(ch, link, func(fs FS) error { return fs.Symlink(target, link) })
}

func (w *work) write(ch Change, file, text string) error {
	return w.do(ch, file, func(fs FS) error { return fs.WriteFile(file, text) })
}

func gone(err error) error {
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}
