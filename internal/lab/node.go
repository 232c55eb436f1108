package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Node is one machine of a lab.
type Node struct {
	Name  string
	netns string // path of its network namespace
	mnt   string // path of the mount namespace that its commands have
	uts   string // path of its UTS namespace; empty means the machine's
	root  string // where its own files are seen from the machine; empty when it has none
}

// Command prepares a command that runs in the node: in its network namespace, on the
// host with the host's files and host name, elsewhere with the machine's files and the
// lab's name server. It starts in / and looks programs up in the node. The process that
// is started is the command itself (nsenter executes it in place), so that killing and
// signalling it do what they say.
func (n *Node) Command(ctx context.Context, argv ...string) *exec.Cmd {
	args := []string{"--net=" + n.netns}
	if n.mnt != "" {
		args = append(args, "--mount="+n.mnt)
	}
	if n.uts != "" {
		args = append(args, "--uts="+n.uts)
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(args, "--"), argv...)...)
	cmd.Dir = "/"
	if n.root != "" {
		cmd.Env = append(os.Environ(), "PATH="+toolDir+":"+os.Getenv("PATH"))
	}
	return cmd
}

// Run runs a command in the node and returns what it printed, both streams together.
// An error carries the output.
func (n *Node) Run(ctx context.Context, argv ...string) (string, error) {
	out, err := n.Command(ctx, argv...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("cannot run %q on %s: %w: %s", argv, n.Name, err, out)
	}
	return string(out), nil
}

// Do calls fn on an operating system thread of its own inside the node: network, and
// on the host also files and host name. Goroutines that fn starts are outside again.
func (n *Node) Do(fn func() error) error {
	return onThread(func() error {
		if err := n.enter(); err != nil {
			return err
		}
		return fn()
	})
}

func (n *Node) enter() error {
	// A thread that shares its root and working directory with others may not change
	// its mount namespace, see setns(2).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("cannot part from the other threads' root directory: %w", err)
	}
	// The paths are the machine's, so the mount namespace comes last.
	for _, ns := range []struct {
		path string
		kind int
	}{{n.netns, unix.CLONE_NEWNET}, {n.uts, unix.CLONE_NEWUTS}, {n.mnt, unix.CLONE_NEWNS}} {
		if ns.path == "" {
			continue
		}
		if err := joinFile(ns.path, ns.kind); err != nil {
			return err
		}
	}
	return nil
}
