package lio

import (
	"context"
	"fmt"
)

// LoadModule implements iscsi.Host.
func (t *Tree) LoadModule(_ context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch name {
	case "target_core_mod", "target_core_iblock", "iscsi_target_mod":
		t.load(name)
		return nil
	}
	return fmt.Errorf("modprobe: FATAL: Module %s not found", name)
}

// load makes what a module registers. iscsi_target_mod makes nothing itself: its
// folder is made by mkdir.
func (t *Tree) load(name string) {
	t.modules[name] = true
	if t.root.dirs["target"] != nil {
		return
	}
	d := newDir(t.root, "target", kindTarget, true)
	d.readOnly("version", "Target Engine Core ConfigFS Infrastructure v5.0 on Linux/x86_64\n")
	d.readOnly("dbroot", "/etc/target\n")
	core := d.group("core", kindCore)
	core.group("alua", kindPlain).group("lu_gps", kindPlain).group("default_lu_gp", kindPlain)
}

// MountConfigfs implements iscsi.Host.
func (t *Tree) MountConfigfs(string) error { return nil }

// MakeStateDir implements iscsi.Host.
func (t *Tree) MakeStateDir() error { return nil }

// hang is a call that does not return.
type hang struct {
	match   func(op, path string) bool
	release chan struct{}
}

// Hang makes matching changes (mkdir, rmdir, symlink, unlink, write) wait, as
// the kernel does when it waits for an initiator, until the returned function is
// called.
func (t *Tree) Hang(match func(op, path string) bool) (release func()) {
	h := &hang{match: match, release: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hangs = append(t.hangs, h)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		h.match = func(string, string) bool { return false }
		close(h.release)
	}
}

func (t *Tree) wait(op, path string) {
	t.mu.Lock()
	hangs := append([]*hang(nil), t.hangs...)
	var found []chan struct{}
	for _, h := range hangs {
		if h.match(op, path) {
			found = append(found, h.release)
		}
	}
	t.mu.Unlock()
	for _, release := range found {
		<-release
	}
}

// Busy reports whether a backstore has the device at path open; it answers for
// the zfs stand-in.
func (t *Tree) Busy(path string) bool {
	device, err := t.o.Device(path)
	if err != nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.devices[device] != nil
}
