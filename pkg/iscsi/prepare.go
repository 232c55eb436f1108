package iscsi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Host is what Prepare needs of the host besides configfs.
type Host interface {
	// LoadModule loads a kernel module with what it depends on.
	LoadModule(ctx context.Context, name string) error
	// MountConfigfs mounts configfs at dir unless it is mounted there.
	MountConfigfs(dir string) error
	// MakeStateDir makes the folder where the kernel keeps persistent reservations.
	MakeStateDir() error
}

// Prepare makes the kernel ready: the state folder, configfs, the modules
// target_core_mod, target_core_iblock and iscsi_target_mod, and the iscsi fabric.
// What is ready already is left as it is.
func (c *Client) Prepare(ctx context.Context) error {
	// Before the module is loaded: it looks for the folder only then, and says
	// "db_root: cannot open: /etc/target" when it is missing.
	if err := c.o.Host.MakeStateDir(); err != nil {
		return unprepared("make the state folder", err, "")
	}
	if err := c.o.Host.MountConfigfs(c.o.Root); err != nil {
		return unprepared("mount configfs at "+c.o.Root, err, "does this kernel have CONFIG_CONFIGFS_FS?")
	}
	for _, m := range []struct{ name, dir string }{
		{"target_core_mod", c.coreDir()},
		{"target_core_iblock", ""},
		{"iscsi_target_mod", c.iscsiDir()},
	} {
		if m.dir != "" {
			if _, err := c.o.FS.ReadDir(m.dir); err == nil {
				continue
			}
		}
		if err := c.o.Seam("load module " + m.name); err != nil {
			return unprepared("load module "+m.name, err, "")
		}
		if err := c.o.Host.LoadModule(ctx, m.name); err != nil {
			return unprepared("load module "+m.name, err, "is the kernel's module package of the running version installed? A kernel update needs a reboot")
		}
	}
	return c.fabric(ctx)
}

// fabric makes target/iscsi, below which all targets are.
func (c *Client) fabric(ctx context.Context) error {
	w := &work{c: c, ctx: ctx}
	if _, err := c.o.FS.ReadDir(c.iscsiDir()); err == nil {
		return nil
	}
	err := w.watched(func() error {
		return w.make(Change{Op: "make fabric", Object: "fabric iscsi", Want: "iscsi"}, c.iscsiDir())
	})
	if err != nil {
		return unprepared("make the iscsi fabric", err, "is iscsi_target_mod loaded? lsmod | grep iscsi_target")
	}
	return nil
}

// Retire takes back what Prepare made in configfs: the iscsi fabric's folder. As
// long as there is a target below it, ours or another's, nothing is done. The
// modules stay loaded, as they do on a host where nobody uses them any more.
func (c *Client) Retire(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return fmt.Errorf("cannot remove the iscsi fabric: %w", err)
	}
	defer unlock()
	names, err := c.folders(c.iscsiDir())
	if errors.Is(err, syscall.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot remove the iscsi fabric: %w", err)
	}
	if slices.ContainsFunc(names, func(name string) bool { return name != "discovery_auth" }) {
		return nil
	}
	w := &work{c: c, ctx: ctx}
	return w.watched(func() error {
		return w.drop(Change{Op: "remove fabric", Object: "fabric iscsi", Is: "iscsi"}, c.iscsiDir())
	})
}

func unprepared(what string, err error, advice string) error {
	if advice != "" {
		advice = " (" + advice + ")"
	}
	return fmt.Errorf("cannot %s: %w: %w%s", what, ErrNotReady, err, advice)
}

// ThisHost is the Host that the program runs on.
type ThisHost struct{}

// LoadModule implements Host with modprobe, which knows dependencies, aliases and
// the administrator's blacklist.
func (ThisHost) LoadModule(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "/sbin/modprobe", name)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("modprobe %s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// MountConfigfs implements Host.
func (ThisHost) MountConfigfs(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil && !errors.Is(err, syscall.ENOENT) {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	const configfsMagic = 0x62656570 // CONFIGFS_MAGIC
	if st.Type == configfsMagic {
		return nil
	}
	if err := unix.Mount("configfs", dir, "configfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &os.PathError{Op: "mount", Path: dir, Err: err}
	}
	return nil
}

// MakeStateDir implements Host. /etc/target is the kernel's DB_ROOT_PREFERRED.
func (ThisHost) MakeStateDir() error {
	for _, dir := range []string{"alua", "pr"} {
		if err := os.MkdirAll(path.Join("/etc/target", dir), 0o700); err != nil {
			return err
		}
	}
	return nil
}
