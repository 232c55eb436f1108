package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Command is one command line for the guest's shell, run as root.
type Command struct {
	Line   string
	Stdin  io.Reader // may be nil
	Stdout io.Writer // may be nil
	Stderr io.Writer // may be nil
}

// ExitError says that a command ran and ended with another status than 0.
type ExitError struct {
	Line   string
	Status int    // 1 to 255; 128 and the signal's number, as a shell counts, when a signal ended it
	Stdout string // of Run; empty for Exec
	Stderr string
}

func (e *ExitError) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = strings.TrimSpace(e.Stdout)
	}
	return fmt.Sprintf("%s: exit status %d: %s", e.Line, e.Status, said)
}

// runTime is how long a command of Run may take; a boot may hold one up.
const runTime = bootTime

// Run runs a command line in the guest and returns what it wrote to stdout,
// without the last newline. The error is an *ExitError when its status is not
// 0. It gives up after half an hour; Exec waits for as long as its context.
func (vm *VM) Run(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runTime, fmt.Errorf("it did not end within %s", runTime))
	defer cancel()
	var stdout, stderr bytes.Buffer
	err := vm.Exec(ctx, Command{Line: line, Stdout: &stdout, Stderr: &stderr})
	var exit *ExitError
	if errors.As(err, &exit) {
		exit.Stdout, exit.Stderr = stdout.String(), stderr.String()
	}
	return strings.TrimSuffix(stdout.String(), "\n"), err
}

// cancelGrace is how long a session may take to end when its context has.
const cancelGrace = 5 * time.Second

// Exec runs a command in the guest and returns when it has ended. Several may
// run at once. The end of ctx ends the session and with it, at its next write
// or read, the command; a guest that does not answer even then loses its
// connection.
func (vm *VM) Exec(ctx context.Context, c Command) error {
	client := vm.connection()
	if client == nil {
		return fmt.Errorf("cannot run %q: the guest is off", c.Line)
	}
	done := make(chan error, 1)
	go func() { done <- runSession(ctx, client, c) }()
	select {
	case err := <-done:
		return vm.explain(err)
	case <-ctx.Done():
	}
	given := fmt.Errorf("gave up on %q: %w", c.Line, context.Cause(ctx))
	select {
	case <-done:
	case <-time.After(cancelGrace):
		_ = client.Close()
		<-done // c's writers are the caller's again
		given = fmt.Errorf("%w; the guest does not answer any more", given)
	}
	return vm.explain(given)
}

func runSession(ctx context.Context, client *ssh.Client, c Command) error {
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("cannot run %q: the guest does not answer: %w", c.Line, err)
	}
	defer session.Close()
	stop := context.AfterFunc(ctx, func() { session.Close() })
	defer stop()
	session.Stdin, session.Stdout, session.Stderr = c.Stdin, c.Stdout, c.Stderr
	return asExitError(c.Line, session.Run(c.Line))
}

func asExitError(line string, err error) error {
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Line: line, Status: exit.ExitStatus()}
	}
	if err != nil {
		return fmt.Errorf("cannot run %q: the connection to the guest broke: %w", line, err)
	}
	return nil
}

// explain adds the panic behind a broken connection.
func (vm *VM) explain(err error) error {
	var exit *ExitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	if p := vm.console.panic(); p != nil {
		return fmt.Errorf("%w: %w", err, p)
	}
	return err
}
