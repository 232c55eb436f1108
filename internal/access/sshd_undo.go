package access

import (
	"context"
	"fmt"
)

// SSHBefore is what was there before the first ApplySSH.
type SSHBefore struct {
	DropIn FileState `json:"dropIn"`
}

// CaptureSSH records what is there, for UndoSSH.
func (d *Driver) CaptureSSH(context.Context) (b SSHBefore, err error) {
	b.DropIn, err = d.look(sshdDropIn)
	return b, err
}

// ShowUndoSSH says what UndoSSH would change.
func (d *Driver) ShowUndoSSH(_ context.Context, b SSHBefore) ([]Difference, error) {
	var out []Difference
	is, err := d.look(sshdDropIn)
	if err != nil {
		return nil, err
	}
	if !is.same(b.DropIn) {
		out = append(out, changing(is, b.DropIn))
	}
	if d.exists(reloadPending) {
		out = append(out, Difference{Kind: Change, Object: "service ssh", Is: "has not read its configuration since it was changed", Want: "reloaded"})
	}
	return out, nil
}

// UndoSSH puts back what CaptureSSH saw and reloads sshd, after sshd has tried
// a copy of that.
func (d *Driver) UndoSSH(ctx context.Context, b SSHBefore) error {
	d.write.Lock()
	defer d.write.Unlock()
	left, err := d.ShowUndoSSH(ctx, b)
	if err != nil || len(left) == 0 {
		return err
	}
	if !d.exists(sshdProgram) { // removed since: nothing to reload
		if err := d.restore(b.DropIn); err != nil {
			return err
		}
		return d.remove(reloadPending)
	}
	var content []byte
	if b.DropIn.Exists {
		content = append([]byte{}, b.DropIn.Content...)
	}
	if _, err := d.try(ctx, content); err != nil {
		return fmt.Errorf("cannot put sshd's configuration back: %w", err)
	}
	return d.changeSSH(ctx, b.DropIn)
}
