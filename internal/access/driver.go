package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Run starts a program, waits for it and returns what it printed. The error
// holds what it printed on standard error.
type Run func(ctx context.Context, name string, args ...string) (string, error)

// Options is what a Driver works on. The zero value is the host itself.
type Options struct {
	Root string // prefix of every path on the host; "" means "/"
	Proc string // where proc is mounted; "" means "/proc"
	// Seam is called with an operation name before each side effect and each
	// process; an error from it aborts there. Nil allows everything.
	Seam func(op string) error
	Run  Run          // nil starts programs on this machine
	Log  *slog.Logger // nil discards
}

// Driver knows the ways into one host. It is safe for several goroutines.
type Driver struct {
	root  string
	proc  string
	seam  func(op string) error
	start Run
	log   *slog.Logger
	cost  string // of a password's hash

	write sync.Mutex // one change at a time
}

// New returns a driver. It touches nothing yet.
func New(o Options) *Driver {
	d := &Driver{root: o.Root, proc: o.Proc, seam: o.Seam, start: o.Run, log: o.Log, cost: yescryptCost}
	if d.root == "" {
		d.root = "/"
	}
	if d.proc == "" {
		d.proc = "/proc"
	}
	if d.seam == nil {
		d.seam = func(string) error { return nil }
	}
	if d.start == nil {
		d.start = start
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// op announces a side effect to the seam.
func (d *Driver) op(name string) error { return d.seam("access:" + name) }

// at returns where the host's file path lies under the driver's root.
func (d *Driver) at(path string) string { return filepath.Join(d.root, path) }

// run starts a program through the seam.
func (d *Driver) run(ctx context.Context, name string, args ...string) (string, error) {
	if err := d.op("exec:" + strings.Join(append([]string{filepath.Base(name)}, verb(args)...), " ")); err != nil {
		return "", err
	}
	return d.start(ctx, name, args...)
}

// verb is the first argument: it tells one use of a program from another.
func verb(args []string) []string { return args[:min(1, len(args))] }

// commandTimeout bounds a program that hangs.
const commandTimeout = 30 * time.Second

func start(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	switch text := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("cannot run %s: %w", filepath.Base(name), ctx.Err())
	case errors.Is(err, exec.ErrNotFound) || text == "":
		return "", fmt.Errorf("cannot run %s: %w", filepath.Base(name), err)
	default:
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, text)
	}
}
