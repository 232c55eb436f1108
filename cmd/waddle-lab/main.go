// Command waddle-lab builds a lab out of network namespaces: an internet, a scanner
// and a Proxmox-like host on which waddled can be tried without a spare server. It is
// never part of the host's package.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/waddle-social/waddle/internal/lab"
)

func main() {
	lab.ServeIfAsked()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exitCode(err))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) { // a command run by exec has said itself what is wrong
		_, _ = fmt.Fprintln(stderr, "waddle-lab:", err)
	}
	return err
}

// usageError is a wrong command line.
type usageError struct{ error }

// exitCode is 0 for done, 2 for a wrong command line, 5 for a failure, as waddle's own;
// `exec` hands on what its command returned.
func exitCode(err error) int {
	var usage usageError
	var status *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	case errors.As(err, &status) && status.ExitCode() >= 0:
		return status.ExitCode()
	}
	return 5
}
