package zfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"
)

// CopyOutput is what the two processes of a copy left.
type CopyOutput struct {
	Send    Output
	Receive Output
}

// Copy makes a full copy of a snapshot as a new dataset: zfs send | zfs receive,
// two processes joined by a pipe of ours, no shell. The new dataset has the
// snapshot as well. When either process fails the copy fails with that one's
// text; what was received in part is removed by zfs itself.
func (c *Client) Copy(ctx context.Context, from Snapshot, to Name) (CopyOutput, error) {
	cmd := command("copy "+from.String()+" to", "send", to).notRoot(to)
	cmd.changes, cmd.uses = []Name{to}, []Name{from.of}
	if from.String() == "" && cmd.err == nil {
		cmd.err = fmt.Errorf("cannot copy to %s: no snapshot is named", to)
	}
	if cmd.err == nil && from.of.Within(to) {
		cmd.err = fmt.Errorf("cannot copy %s to %s: that is the snapshot's own dataset, or above it", from, to)
	}
	release, err := c.enter(ctx, cmd)
	if err != nil {
		return CopyOutput{}, err
	}
	defer release()
	out, err := c.join(ctx, cmd, []string{"send", from.String()}, []string{"receive", to.full})
	if err != nil {
		return out, err
	}
	return out, cmd.copyFailure(out)
}

func (c *Client) join(ctx context.Context, cmd Command, send, receive []string) (CopyOutput, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return CopyOutput{}, fmt.Errorf("cannot %s %s: %w", cmd.op, cmd.object, err)
	}
	var out CopyOutput
	var g errgroup.Group
	g.Go(func() (err error) {
		// Closed when send ends, so that receive sees the end of the stream; and
		// the reading end when receive ends, so that send is not left waiting.
		defer w.Close()
		out.Send, err = c.process(ctx, cmd, Process{Args: send, Stdout: w})
		return err
	})
	g.Go(func() (err error) {
		defer r.Close()
		second := cmd
		second.seam = "zfs receive"
		out.Receive, err = c.process(ctx, second, Process{Args: receive, Stdin: r})
		return err
	})
	return out, g.Wait()
}

// copyFailure prefers receive's words: when receive ends early, send only
// complains of the broken pipe.
func (c Command) copyFailure(out CopyOutput) error {
	if err := c.failure(out.Receive); err != nil {
		var e *Error
		if out.Send.Code != 0 && errors.As(err, &e) {
			e.Text = strings.TrimSpace(e.Text + "\n" + strings.TrimSpace(string(out.Send.Stderr)))
			if e.Kind == nil {
				e.Kind = classify(e.Text)
			}
		}
		return err
	}
	return c.failure(out.Send)
}
