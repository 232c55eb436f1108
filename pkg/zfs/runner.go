package zfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Process is one zfs process to run.
type Process struct {
	Args   []string  // without the program's name
	Stdin  io.Reader // nil: nothing
	Stdout io.Writer // nil: collected in Output.Stdout
}

// Output is what a process left. A code other than 0 is no Go error: callers
// that pass zfs's answer on (the CSI endpoint) need it as it is.
type Output struct {
	Stdout []byte
	Stderr []byte
	Code   int
}

// Runner runs a zfs process. The error is for a process that could not be
// started, was killed or ended without an exit code.
type Runner interface {
	Run(ctx context.Context, p Process) (Output, error)
}

// Exec runs the zfs program of the host.
type Exec struct {
	Path string // default /sbin/zfs
}

// maxOutput bounds what is kept of one process: 1,000 volumes with all their
// properties are about 2 MiB.
const maxOutput = 64 << 20

// Run implements Runner. When ctx ends the process gets SIGTERM, and SIGKILL
// after 5 s; an ioctl that zfs is in ends first either way.
func (e Exec) Run(ctx context.Context, p Process) (Output, error) {
	path := e.Path
	if path == "" {
		path = "/sbin/zfs"
	}
	cmd := exec.CommandContext(ctx, path, p.Args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.Stdin = p.Stdin
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	stdout, stderr := &limited{}, &limited{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if p.Stdout != nil {
		cmd.Stdout = p.Stdout
	}
	err := cmd.Run()
	out := Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("%s was stopped: %w", path, context.Cause(ctx))
	case errors.As(err, &exit) && brokenPipe(exit):
		out.Code = 128 + int(syscall.SIGPIPE) // as a shell would say it; the reader has the reason
		return out, nil
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		out.Code = exit.ExitCode()
		return out, nil
	}
	return out, fmt.Errorf("run %s: %w", path, err)
}

func brokenPipe(e *exec.ExitError) bool {
	status, ok := e.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGPIPE
}

type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("zfs printed more than %d bytes", maxOutput)
	}
	return l.Buffer.Write(p)
}
