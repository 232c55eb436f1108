package appliance

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A template is a folder beside the image with a booted guest at rest: its
// memory (ram), the state of its devices (devices) and its disks. Copies map
// the memory privately and put overlays on the disks, so they start in a second
// and never change it.
//
// QEMU leaves memory that is backed by a shared file out of the saved state
// ("x-ignore-shared"); a copy must be the same QEMU with the same devices.

// template is a folder that makeTemplate has made.
type template struct {
	image image
	dir   string
}

func (t template) file(name string) string { return filepath.Join(t.dir, name) }

// freezeTime is how long saving the template may take; it takes seconds.
const freezeTime = 2 * time.Minute

// makeTemplate returns the image's template, booted and saved unless there is one.
func makeTemplate(ctx context.Context, i image, o Options) (template, error) {
	name, err := templateName(ctx, o)
	if err != nil {
		return template{}, err
	}
	t := template{image: i, dir: i.file(name)}
	unlock, err := lock(t.dir + ".lock")
	if err != nil {
		return template{}, err
	}
	defer unlock()
	if _, err := os.Stat(t.dir); err == nil {
		return t, nil
	}
	if err := buildTemplate(ctx, t, o); err != nil {
		return template{}, fmt.Errorf("cannot make the template of the appliance: %w", err)
	}
	return t, nil
}

// templateName changes with the emulator and with the devices.
func templateName(ctx context.Context, o Options) (string, error) {
	version, err := exec.CommandContext(ctx, qemuBinary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask %s for its version: %w", qemuBinary, err)
	}
	devices := strings.Join(machine{memory: o.Memory}.arguments(), " ")
	sum := sha256.Sum256(fmt.Appendf(version, "%s %d", devices, o.Pool))
	return fmt.Sprintf("template-%x", sum[:6]), nil
}

// lock takes the lock file at path; the kernel releases a dead holder's.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the appliance's template: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// buildTemplate boots a guest whose memory is a file and saves the rest of it.
func buildTemplate(ctx context.Context, t template, o Options) error {
	part := t.dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.Mkdir(part, 0o755); err != nil {
		return err
	}
	began := time.Now()
	fmt.Fprintln(o.Log, "appliance: booting the template, once")
	vm, err := startFresh(ctx, t.image, o, func(m *machine) {
		m.ram, m.shared = filepath.Join(part, "ram"), true
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, freezeTime, fmt.Errorf("the guest's state is not saved after %s", freezeTime))
	defer cancel()
	if err := vm.freeze(ctx, filepath.Join(part, "devices")); err != nil {
		return vm.abandon(err)
	}
	for _, disk := range []string{"root.qcow2", "pool.qcow2"} {
		if out, err := exec.CommandContext(ctx, "mv", vm.machine.file(disk), part).CombinedOutput(); err != nil {
			return vm.abandon(fmt.Errorf("mv %s: %w: %s", disk, err, out))
		}
	}
	if err := vm.Close(); err != nil {
		return err
	}
	fmt.Fprintf(o.Log, "appliance: the template took %.1f s\n", time.Since(began).Seconds())
	return os.Rename(part, t.dir)
}

// freeze saves the state of the devices and ends QEMU in order.
func (vm *VM) freeze(ctx context.Context, devices string) error {
	// Clean pages that nobody needs would be written out for nothing.
	if _, err := vm.Run(ctx, "sync; echo 3 >/proc/sys/vm/drop_caches"); err != nil {
		return err
	}
	// A copy starts with nobody at the channel and its service waiting.
	forget(vm.monitor.opened)
	if err := vm.connection().Close(); err != nil {
		return err
	}
	if err := happened(ctx, vm.monitor.opened, "wait at its channel again"); err != nil {
		return err
	}
	if err := vm.monitor.save(ctx, devices); err != nil {
		return err
	}
	if err := vm.monitor.execute("quit", nil, nil); err != nil {
		return err
	}
	<-vm.process.done
	return nil
}

// startCopy starts a machine from a template.
func startCopy(ctx context.Context, t template, o Options) (*VM, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTime, fmt.Errorf("the guest does not answer after %s", bootTime))
	defer cancel()
	vm, err := newVM(t.image, o)
	if err != nil {
		return nil, err
	}
	if err := vm.resume(ctx, t); err != nil {
		return nil, vm.abandon(fmt.Errorf("cannot start from the template %s: %w", t.dir, err))
	}
	return vm, nil
}

func (vm *VM) resume(ctx context.Context, t template) error {
	began := time.Now()
	for _, disk := range []string{"root.qcow2", "pool.qcow2"} {
		if err := overlay(vm.machine.file(disk), t.file(disk), "qcow2", 0); err != nil {
			return err
		}
	}
	vm.machine.ram = t.file("ram")
	if err := vm.startQEMU("-incoming", "defer"); err != nil {
		return err
	}
	if err := vm.monitor.load(ctx, t.file("devices")); err != nil {
		return err
	}
	if err := vm.join(ctx); err != nil {
		return err
	}
	// The guest's clock stands where the template was saved.
	if _, err := vm.Run(ctx, fmt.Sprintf("date -s @%d", time.Now().Unix())); err != nil {
		return err
	}
	fmt.Fprintf(vm.options.Log, "appliance: the guest runs after %.1f s, from the template\n", time.Since(began).Seconds())
	return nil
}
