package appliance

import (
	"context"
	"errors"
	"time"

	"golang.org/x/crypto/ssh"
)

var errEnded = errors.New("QEMU has ended")

// await returns the connection to a guest that is coming up, or at once the
// reason why it never will: a panic, or an emulator that is gone.
func (vm *VM) await(ctx context.Context) (*ssh.Client, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended, panicked := vm.process.done, vm.console.panicSeen()
	go func() {
		select {
		case <-panicked:
			cancel(vm.console.panic())
		case <-ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	return connect(ctx, vm.machine)
}

// panicGrace lets a panicked kernel write its stack trace.
const panicGrace = 2 * time.Second

// endAtPanic ends the emulator of a guest that has panicked, so that whoever
// waits for the guest hears of it.
func endAtPanic(p *process, panicked <-chan struct{}) {
	select {
	case <-panicked:
	case <-p.done:
		return
	}
	select {
	case <-time.After(panicGrace):
		_ = p.os.Kill()
	case <-p.done:
	}
}
