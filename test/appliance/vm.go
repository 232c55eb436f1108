package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// bootTime is how long a guest may take to its channel: 20 s on an idle machine
// with two cores, and others may share them.
const bootTime = 30 * time.Minute

// VM is one machine with its disks. Its methods that run things in the guest may
// be called from several goroutines, those that switch it on and off may not.
type VM struct {
	options Options
	machine machine
	console *console

	mu      sync.Mutex
	process *process
	client  *ssh.Client
	monitor *monitor
}

// Start starts a machine and returns when its services are up. A guest kernel
// that panics on the way is started again once, from fresh disks, and o.Log says
// so; nothing else is tried again.
func Start(ctx context.Context, o Options) (*VM, error) {
	o = o.withDefaults()
	i, err := buildImage(ctx, o)
	if err != nil {
		return nil, err
	}
	return startTwice(ctx, i, o)
}

func startTwice(ctx context.Context, i image, o Options) (*VM, error) {
	vm, err := start(ctx, i, o)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		fmt.Fprintf(o.Log, "appliance: %v; starting it once more\n", panicked)
		vm, err = start(ctx, i, o)
	}
	return vm, err
}

func start(ctx context.Context, i image, o Options) (*VM, error) {
	if !o.fromTemplate() {
		return startFresh(ctx, i, o, nil)
	}
	t, err := makeTemplate(ctx, i, o)
	if err != nil {
		return nil, err
	}
	return startCopy(ctx, t, o)
}

// startFresh boots the image's kernel with disks of its own. A test may change
// the machine before it is switched on.
func startFresh(ctx context.Context, i image, o Options, change func(*machine)) (*VM, error) {
	vm, err := newVM(i, o)
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&vm.machine)
	}
	if err := overlay(vm.machine.file("root.qcow2"), i.file("disk.img"), "raw", 0); err != nil {
		return nil, vm.abandon(err)
	}
	if err := overlay(vm.machine.file("pool.qcow2"), "", "", o.Pool); err != nil {
		return nil, vm.abandon(err)
	}
	if err := vm.PowerOn(ctx); err != nil {
		return nil, vm.abandon(err)
	}
	return vm, nil
}

// newVM makes the scratch folder of a machine that is off.
func newVM(i image, o Options) (*VM, error) {
	dir, err := os.MkdirTemp("", "waddle-appliance-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a machine: %w", err)
	}
	c, err := newConsole(filepath.Join(dir, "console.log"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &VM{options: o, machine: machine{image: i, dir: dir, memory: o.Memory}, console: c}, nil
}

// Console is the file with all that the guest wrote to its serial console.
func (vm *VM) Console() string { return vm.machine.file("console.log") }

// Close switches the machine off and removes everything of it.
func (vm *VM) Close() error {
	vm.Kill()
	return errors.Join(vm.console.Close(), os.RemoveAll(vm.machine.dir))
}

// abandon ends a machine that did not come up, and keeps its console.
func (vm *VM) abandon(err error) error {
	vm.Kill()
	_ = vm.console.Close()
	for _, name := range []string{"root.qcow2", "pool.qcow2"} {
		_ = os.Remove(vm.machine.file(name))
	}
	return fmt.Errorf("%w (the console is kept in %s)", err, vm.Console())
}

// connection is nil while the guest is off.
func (vm *VM) connection() *ssh.Client {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.client
}
