package confirm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processGuard is a process of its own session, started by another one that has
// ended: no child of the daemon, and in none of its process groups.
type processGuard struct{ command []string }

// ProcessGuard is for hosts without systemd. command is the program and its
// arguments, to which --id, the id, --at and the time in nanoseconds are added.
// It has to call Detach, and so end with the guard's process id on its output.
func ProcessGuard(command []string) Guard { return &processGuard{command} }

// armTimeout bounds the start of two processes.
const armTimeout = 15 * time.Second

// Arm starts the process and returns when its timer is set.
func (g *processGuard) Arm(ctx context.Context, id string, at time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, armTimeout)
	defer cancel()
	args := slices.Concat(g.command[1:], []string{"--id", id, "--at", strconv.FormatInt(int64(at), 10)})
	cmd := exec.CommandContext(ctx, g.command[0], args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
			return "", fmt.Errorf("cannot start the guard: %w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("cannot start the guard: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || pid < 2 {
		return "", fmt.Errorf("cannot start the guard: it printed %q instead of its process id", out)
	}
	return "process:" + strconv.Itoa(pid), nil
}

// Disarm ends the process when it still is the guard of that id.
func (g *processGuard) Disarm(_ context.Context, id, handle string) error {
	number, ok := strings.CutPrefix(handle, "process:")
	if !ok {
		return nil // another kind of guard armed it
	}
	pid, err := strconv.Atoi(number)
	if err != nil || pid == os.Getpid() {
		return nil // it runs this, and ends by itself
	}
	// The descriptor stands for this one process, however its number is reused.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // it has ended
	}
	defer func() { _ = unix.Close(fd) }()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), "\x00--id\x00"+id+"\x00") {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot end the guard, process %d: %w", pid, err)
	}
	return nil
}

// readyLine is what the guard says when its timer is set.
const readyLine = "armed\n"

// Detach starts the program again with args, in a session of its own and with
// no descriptor of ours, and returns its process id once it said that it is
// armed. Its messages go to the file log.
func Detach(program string, args []string, log string) (int, error) {
	// What the caller was handed by its own parent goes no further.
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return 0, fmt.Errorf("cannot keep descriptors from the guard: %w", err)
	}
	messages, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot open the guard's log: %w", err)
	}
	defer func() { _ = messages.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", w, messages
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = w.Close() // the guard has its own
	if err != nil {
		return 0, fmt.Errorf("cannot start the guard: %w", err)
	}
	_ = r.SetReadDeadline(time.Now().Add(armTimeout))
	said := make([]byte, len(readyLine))
	if n, err := r.Read(said); string(said[:n]) != readyLine {
		return 0, fmt.Errorf("the guard did not arm itself: %w; it says why in %s", errors.Join(err, cmd.Process.Kill(), cmd.Wait()), log)
	}
	pid := cmd.Process.Pid // Release forgets it
	return pid, cmd.Process.Release()
}
