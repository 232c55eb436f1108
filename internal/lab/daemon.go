package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	daemonSocket = "/run/waddle/waddled.sock"
	daemonBinary = "/run/.lab/waddled" // in the host's view: where the binary came from is not visible there
	startTime    = time.Minute
	stopTime     = time.Minute
)

// Socket returns where the daemon's unix socket is seen from the machine.
func (l *Lab) Socket() string { return l.Host.Root() + daemonSocket }

// DaemonLog returns the path, on the machine, of what the daemon printed; every start
// appends.
func (l *Lab) DaemonLog() string { return filepath.Join(stateDir(l.Name), "waddled.log") }

func (l *Lab) daemonFile() string { return filepath.Join(stateDir(l.Name), "waddled.json") }

// StartDaemon copies the binary into the host's view, starts it there with args and
// with env added to the environment, and waits until its socket takes connections.
func (l *Lab) StartDaemon(ctx context.Context, binary string, args, env []string) error {
	if err := l.startDaemon(ctx, binary, args, env); err != nil {
		return fmt.Errorf("cannot start %s in lab %s: %w", binary, l.Name, err)
	}
	return nil
}

func (l *Lab) startDaemon(ctx context.Context, binary string, args, env []string) error {
	if p, ok := l.Daemon(); ok {
		return fmt.Errorf("one runs already, process %d: stop it first", p)
	}
	if err := l.installDaemon(binary); err != nil {
		return err
	}
	// One that was killed a moment ago may not have let go of its socket yet, and
	// would be taken for the new one.
	if err := os.Remove(l.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log, err := os.OpenFile(l.DaemonLog(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := l.Host.Command(context.WithoutCancel(ctx), append([]string{daemonBinary}, args...)...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	p, err := processOf(cmd.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the daemon
	if err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	if err := writeJSON(l.daemonFile(), p); err != nil {
		return errors.Join(err, p.signal(unix.SIGKILL))
	}
	if err := l.awaitDaemon(ctx, ended); err != nil {
		return errors.Join(err, p.signal(unix.SIGKILL))
	}
	return nil
}

// installDaemon puts the binary beside the old one and then in its place: a running
// binary cannot be written over. The copy has the time of its origin, and is not made
// again while the two agree in it and in size.
func (l *Lab) installDaemon(binary string) error {
	path, err := exec.LookPath(binary)
	if err != nil {
		return err
	}
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	origin, err := from.Stat()
	if err != nil {
		return err
	}
	target := l.Host.Root() + daemonBinary
	if is, err := os.Stat(target); err == nil && is.Size() == origin.Size() && is.ModTime().Equal(origin.ModTime()) {
		return nil
	}
	to, err := os.OpenFile(target+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	if err := os.Chtimes(target+".new", time.Time{}, origin.ModTime()); err != nil {
		return err
	}
	return os.Rename(target+".new", target)
}

func (l *Lab) awaitDaemon(ctx context.Context, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		conn, err := net.Dial("unix", l.Socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended at once (%v): %s", err, lastLines(l.DaemonLog()))
		case <-ctx.Done():
			return fmt.Errorf("%s did not answer within %s: %w: %s", daemonSocket, startTime, ctx.Err(), lastLines(l.DaemonLog()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Daemon returns the process id of the daemon on the machine, and whether it runs.
func (l *Lab) Daemon() (int, bool) {
	p := l.daemon()
	return p.PID, p.alive()
}

func (l *Lab) daemon() process {
	var p process
	raw, err := os.ReadFile(l.daemonFile())
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return process{}
	}
	return p
}

// StopDaemon asks the daemon to end (SIGTERM) and waits until it has. One that does not
// within 15 s is killed, which is an error. It is none when no daemon runs.
func (l *Lab) StopDaemon(ctx context.Context) error {
	p := l.daemon()
	if !p.alive() {
		return nil
	}
	if err := p.signal(unix.SIGTERM); err != nil {
		return fmt.Errorf("cannot stop waddled in lab %s: %w", l.Name, err)
	}
	if p.waitGone(ctx, stopTime) {
		return nil
	}
	err := fmt.Errorf("cannot stop waddled in lab %s: process %d did not end within %s of SIGTERM and was killed: %s",
		l.Name, p.PID, stopTime, lastLines(l.DaemonLog()))
	return errors.Join(err, l.KillDaemon(context.WithoutCancel(ctx)))
}

// KillDaemon kills the daemon with SIGKILL and waits until it is gone.
func (l *Lab) KillDaemon(ctx context.Context) error {
	p := l.daemon()
	if !p.alive() {
		return nil
	}
	if err := p.signal(unix.SIGKILL); err != nil {
		return fmt.Errorf("cannot kill waddled in lab %s: %w", l.Name, err)
	}
	if !p.waitGone(ctx, killPatience) {
		return fmt.Errorf("cannot kill waddled in lab %s: process %d is still there", l.Name, p.PID)
	}
	return nil
}
