package zfs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	gozfs "github.com/mistifyio/go-zfs/v3"
)

// Options is what a Client works with. Only Root is required.
type Options struct {
	Root Root
	// Runner runs zfs. Default: Exec{}, the host's.
	Runner Runner
	// Pool reads a pool's state. Default: go-zfs, which runs the host's zpool.
	Pool func(name string) (*gozfs.Zpool, error)
	// Dev is where device links are looked for. Default: /dev.
	Dev string
	// Sys is where block devices are looked for when a link is missing.
	// Default: /sys where Dev is /dev, else none.
	Sys string
	// DeviceWait is how long WaitDevice waits. Default: 30 s.
	DeviceWait time.Duration
	// Seam is called with the operation's name ("zfs create") before each
	// process and before udev is asked again ("udev change"); an error keeps
	// it from being done.
	Seam func(op string) error
}

// Client runs zfs below one root. It is safe for use from several goroutines.
type Client struct {
	o        Options
	locks    locks
	zvolName func(device string) (string, error)
}

// New returns a client. It runs nothing.
func New(o Options) (*Client, error) {
	if o.Root.name == "" {
		return nil, fmt.Errorf("cannot use zfs: no root dataset is set")
	}
	if o.Runner == nil {
		o.Runner = Exec{}
	}
	if o.Pool == nil {
		o.Pool = gozfs.GetZpool
	}
	if o.Dev == "" {
		o.Dev = "/dev"
	}
	if o.Sys == "" && o.Dev == "/dev" {
		o.Sys = "/sys"
	}
	if o.DeviceWait == 0 {
		o.DeviceWait = 30 * time.Second
	}
	if o.Seam == nil {
		o.Seam = func(string) error { return nil }
	}
	return &Client{o: o, zvolName: zvolName}, nil
}

// Root returns the dataset that the client works below.
func (c *Client) Root() Root { return c.o.Root }

// Exec runs one command and returns zfs's answer as it is, also when zfs
// refused (Output.Code). The error is for a command that was not run, or not to
// its end: made from zero values, of another root, a shrinking volsize
// (ErrShrink), a cancelled context.
func (c *Client) Exec(ctx context.Context, cmd Command) (Output, error) {
	release, err := c.enter(ctx, cmd)
	if err != nil {
		return Output{}, err
	}
	defer release()
	if cmd.volsize != "" {
		if err := c.refuseShrink(ctx, cmd); err != nil {
			return Output{}, err
		}
	}
	return c.process(ctx, cmd, Process{Args: cmd.argv})
}

// Run is Exec for callers that want a refusal of zfs as an error (*Error).
func (c *Client) Run(ctx context.Context, cmd Command) ([]byte, error) {
	out, err := c.Exec(ctx, cmd)
	if err != nil {
		return nil, err
	}
	return out.Stdout, cmd.failure(out)
}

func (c *Client) enter(ctx context.Context, cmd Command) (func(), error) {
	if cmd.err != nil {
		return nil, cmd.err
	}
	if len(cmd.argv) == 0 {
		return nil, fmt.Errorf("cannot run zfs: the command is empty")
	}
	for _, n := range slices.Concat(cmd.changes, cmd.uses, cmd.reads) {
		if n.full != "" && n.root != c.o.Root.name {
			return nil, fmt.Errorf("cannot %s %s: it belongs to the root %s, not to %s", cmd.op, cmd.object, n.root, c.o.Root.name)
		}
	}
	release, err := c.locks.acquire(ctx, cmd.changes, cmd.uses)
	if err != nil {
		return nil, fmt.Errorf("cannot %s %s: waiting for another change to it: %w", cmd.op, cmd.object, err)
	}
	return release, nil
}

// process passes the seam and runs one process of cmd.
func (c *Client) process(ctx context.Context, cmd Command, p Process) (Output, error) {
	if err := c.o.Seam(cmd.seam); err != nil {
		return Output{}, fmt.Errorf("cannot %s %s: %w", cmd.op, cmd.object, err)
	}
	out, err := c.o.Runner.Run(ctx, p)
	if err != nil {
		return out, fmt.Errorf("cannot %s %s: %w", cmd.op, cmd.object, err)
	}
	return out, nil
}

// refuseShrink compares the wanted volsize with the present one while the
// dataset is held, so that nothing can come between.
func (c *Client) refuseShrink(ctx context.Context, cmd Command) error {
	want, err := ParseSize(cmd.volsize)
	if err != nil || want == 0 {
		return &Error{Op: "resize", Object: cmd.object, Kind: ErrInvalid, Code: 1,
			Text: fmt.Sprintf("size %s is not a positive number of bytes", quote(cmd.volsize))}
	}
	read := Get(Query{Targets: []Target{cmd.changes[0]}, Properties: []string{"volsize"}}, "value")
	out, err := c.process(ctx, read, Process{Args: read.argv})
	if err != nil {
		return err
	}
	if out.Code != 0 {
		return nil // the set itself will say what is wrong, in zfs's own words
	}
	is, err := strconv.ParseUint(strings.TrimSpace(string(out.Stdout)), 10, 64)
	if err != nil {
		return nil // not a volume: likewise
	}
	if want < is {
		return &Error{Op: "resize", Object: cmd.object, Kind: ErrShrink, Code: 1,
			Text: fmt.Sprintf("it has %d bytes and would be cut to %d; volumes only grow", is, want)}
	}
	return nil
}

// failure turns zfs's refusal into an *Error; nil when there was none.
func (c Command) failure(out Output) error {
	if out.Code == 0 {
		return nil
	}
	text := strings.TrimSpace(string(out.Stderr))
	return &Error{Op: c.op, Object: c.object, Kind: classify(text), Text: text, Code: out.Code}
}
