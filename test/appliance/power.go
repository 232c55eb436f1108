package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// PowerOn boots a machine that is off from its own disks and returns when its
// services are up.
func (vm *VM) PowerOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTime, fmt.Errorf("the guest is not up after %s", bootTime))
	defer cancel()
	if !vm.machine.shared {
		vm.machine.ram = "" // the template's memory was for the first start
	}
	if err := vm.startQEMU(); err != nil {
		return err
	}
	return vm.boot(ctx)
}

// Kill cuts the power: what the guest had not flushed to its disks is lost. A
// machine that is off stays off.
func (vm *VM) Kill() {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.client != nil {
		_ = vm.client.Close()
	}
	if vm.monitor != nil {
		vm.monitor.close()
	}
	if vm.process != nil {
		vm.process.kill()
	}
	vm.client, vm.monitor, vm.process = nil, nil, nil
}

// Reboot lets the guest shut down in order and returns when it is up again. A
// panic on the way up is answered by one power cycle, and Options.Log says so.
func (vm *VM) Reboot(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTime, fmt.Errorf("the guest is not up again after %s", bootTime))
	defer cancel()
	forget(vm.monitor.resets)
	if _, err := vm.Run(ctx, "systemctl reboot"); err != nil {
		return fmt.Errorf("cannot reboot the guest: %w", err)
	}
	// The channel of the dying system would still answer; the reset is the border.
	if err := happened(ctx, vm.monitor.resets, "go down"); err != nil {
		return fmt.Errorf("cannot reboot the guest: %w", err)
	}
	_ = vm.connection().Close()
	err := vm.boot(ctx)
	var panicked *PanicError
	if errors.As(err, &panicked) {
		fmt.Fprintf(vm.options.Log, "appliance: %v; switching it off and on once\n", panicked)
		vm.Kill()
		vm.console.forgetPanic()
		return vm.PowerOn(ctx)
	}
	return err
}

// startQEMU starts the emulator and opens its monitor.
func (vm *VM) startQEMU(more ...string) error {
	messages, err := os.OpenFile(vm.machine.file("qemu.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("cannot keep QEMU's messages: %w", err)
	}
	defer messages.Close()
	p, err := startProcess(append(vm.machine.arguments(), more...), vm.console, messages)
	if err != nil {
		return err
	}
	vm.mu.Lock()
	vm.process = p
	vm.mu.Unlock()
	go endAtPanic(p, vm.console.panicSeen())
	m, err := dialMonitor(vm.machine.file("qmp.sock"), p.done)
	if err != nil {
		said, _ := os.ReadFile(messages.Name())
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	}
	vm.mu.Lock()
	vm.monitor = m
	vm.mu.Unlock()
	return nil
}

// boot connects to a guest that is coming up and waits for its services.
func (vm *VM) boot(ctx context.Context) error {
	began := time.Now()
	if err := vm.join(ctx); err != nil {
		return err
	}
	// The command's status says how the system is, which is the caller's matter.
	state, err := vm.Run(ctx, "systemctl is-system-running --wait")
	var exit *ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	fmt.Fprintf(vm.options.Log, "appliance: the guest is up (%s) after %.1f s\n", state, time.Since(began).Seconds())
	return nil
}

// join connects to a guest as soon as it answers.
func (vm *VM) join(ctx context.Context) error {
	client, err := vm.await(ctx)
	if err != nil {
		return err
	}
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.client = client
	return nil
}
