package lab

import (
	"context"
	"fmt"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Node is one machine of a lab.
type Node struct {
	Name  string
	netns string // path of its network namespace
	view  int    // process whose mount and UTS namespace the node has; 0 means the machine's
}

// Command prepares a command that runs in the node: in its network namespace and, on
// the host, with the host's files and host name. It starts in / and looks programs up
// in the node. The process that is started is the command itself (nsenter executes it
// in place), so that killing and signalling it do what they say.
func (n *Node) Command(ctx context.Context, argv ...string) *exec.Cmd {
	args := []string{"--net=" + n.netns}
	if n.view != 0 {
		args = append(args,
			fmt.Sprintf("--mount=/proc/%d/ns/mnt", n.view),
			fmt.Sprintf("--uts=/proc/%d/ns/uts", n.view))
	}
	cmd := exec.CommandContext(ctx, "nsenter", append(append(args, "--"), argv...)...)
	cmd.Dir = "/"
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
	if n.view == 0 {
		return joinFile(n.netns, unix.CLONE_NEWNET)
	}
	// A thread that shares its root and working directory with others may not change
	// its mount namespace, see setns(2).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("cannot part from the other threads' root directory: %w", err)
	}
	if err := joinFile(n.netns, unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := joinFile(fmt.Sprintf("/proc/%d/ns/uts", n.view), unix.CLONE_NEWUTS); err != nil {
		return err
	}
	return joinFile(fmt.Sprintf("/proc/%d/ns/mnt", n.view), unix.CLONE_NEWNS)
}
