package vms

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Snapshot is a state of a VM that it can go back to.
type Snapshot struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Parent      string    `json:"parent,omitempty"`
	Memory      bool      `json:"memory"` // the guest's memory is in it
	Taken       time.Time `json:"taken"`
}

var snapshotName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{1,39}$`)

var reserved = []string{"current", "pending"} // Proxmox's own names for states

// Snapshots lists the snapshots of a VM of ours, oldest first.
func (d *Driver) Snapshots(ctx context.Context, name string) ([]Snapshot, error) {
	rec, _, err := d.existing(ctx, name)
	if err != nil {
		return nil, tried(err, "list the snapshots of VM %s", name)
	}
	var raw []struct {
		Name        string   `json:"name"`
		Description string   `json:"description"`
		Parent      string   `json:"parent"`
		VMState     rest.Int `json:"vmstate"`
		Time        rest.Int `json:"snaptime"`
	}
	if err := d.api.get(ctx, d.api.nodePath(d.vmPath(rec.ID, "/snapshot")), &raw); err != nil {
		return nil, tried(err, "list the snapshots of VM %s", name)
	}
	all := []Snapshot{}
	for _, s := range raw {
		if s.Name != "current" { // the state of now
			all = append(all, Snapshot{Name: s.Name, Description: s.Description, Parent: s.Parent, Memory: s.VMState == 1, Taken: time.Unix(int64(s.Time), 0).UTC()})
		}
	}
	slices.SortStableFunc(all, func(a, b Snapshot) int { return a.Taken.Compare(b.Taken) })
	return all, nil
}

// TakeSnapshot takes a snapshot of a VM of ours; with memory the guest goes on where it was.
// A name that is used is an error of the kind exists.
func (d *Driver) TakeSnapshot(ctx context.Context, name, snapshot, description string, memory bool) error {
	return d.onSnapshot(ctx, name, "take", snapshot, write{
		op: "snapshot", kind: "qmsnapshot", method: http.MethodPost, path: "/snapshot",
		body: map[string]any{"snapname": snapshot, "description": description, "vmstate": bit(memory)},
	}, nil)
}

// Rollback takes a VM of ours back to a snapshot. ZFS goes back to the newest one only.
// What was written since is lost; a VM whose snapshot has no memory is off afterwards
// unless start is set. The start is asked for here: what Proxmox starts itself is a task of its own,
// of which the rollback's does not tell how it ended.
func (d *Driver) Rollback(ctx context.Context, name, snapshot string, start bool) error {
	return d.onSnapshot(ctx, name, "roll back to", snapshot, write{
		op: "rollback", kind: "qmrollback", method: http.MethodPost, path: "/snapshot/" + url.PathEscape(snapshot) + "/rollback", body: map[string]any{},
	}, func(ctx context.Context, rec Record) error {
		if !start {
			return nil
		}
		return tried(d.start(ctx, rec), "start VM %s, which is as in the snapshot %s", name, snapshot)
	})
}

// DeleteSnapshot deletes a snapshot of a VM of ours. One that is gone is no error.
func (d *Driver) DeleteSnapshot(ctx context.Context, name, snapshot string) error {
	err := d.onSnapshot(ctx, name, "delete", snapshot, write{
		op: "delete-snapshot", kind: "qmdelsnapshot", method: http.MethodDelete, path: "/snapshot/" + url.PathEscape(snapshot),
	}, nil)
	if !Is(err, KindGone) {
		return err
	}
	if _, _, there := d.existing(ctx, name); there != nil { // the VM itself is gone
		return err
	}
	return nil
}

func (d *Driver) onSnapshot(ctx context.Context, name, what, snapshot string, w write, then func(context.Context, Record) error) error {
	try := what + " snapshot " + snapshot + " of"
	if !snapshotName.MatchString(snapshot) || slices.Contains(reserved, strings.ToLower(snapshot)) {
		return tried(fail(KindInvalid, nil, "take a letter, then letters, digits, _ and -, and neither current nor pending", "the name %q is none", snapshot), "%s VM %s", try, name)
	}
	return d.withOurs(ctx, name, try, func(ctx context.Context, rec Record) error {
		config, err := d.verify(ctx, rec)
		if err != nil {
			return err
		}
		w.path = d.vmPath(rec.ID, w.path)
		w.name, w.id, w.check, w.storages = rec.Name, rec.ID, d.checked(rec), storagesOf(config)
		if err := d.run(ctx, w); err != nil || then == nil {
			return err
		}
		return then(ctx, rec)
	})
}
