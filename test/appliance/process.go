package appliance

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a running QEMU.
type process struct {
	os   *os.Process
	done chan struct{} // closed when it has ended
}

// startProcess runs QEMU so that it cannot outlive this process. What the guest
// writes to its serial console goes to console, what QEMU says to messages.
func startProcess(args []string, console, messages io.Writer) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal belongs to the thread that started the child
		// (prctl(2), PR_SET_PDEATHSIG), so this thread lives as long as QEMU.
		runtime.LockOSThread()
		cmd := exec.Command(qemuBinary, args...)
		cmd.Stdout, cmd.Stderr = console, messages
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("cannot start %s: %w", qemuBinary, err)
			return
		}
		p.os = cmd.Process
		started <- nil
		_ = cmd.Wait() // its messages say why it ended
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// kill ends QEMU as a power cut ends a computer.
func (p *process) kill() {
	_ = p.os.Kill() // fails only when it has ended
	<-p.done
}
