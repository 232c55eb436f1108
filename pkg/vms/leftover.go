package vms

import (
	"context"
	"slices"
	"strings"
	"time"
)

// What a create, clone or delete leaves when the node loses power while it runs: a
// configuration with a lock and hardly anything else. Proxmox lets no token touch it.
var leftLocks = map[State][]string{
	StateCreating: {"create", "clone"},
	StateDeleting: {"destroyed"},
}

// unfinished tells whether a VM's settings are what an interrupted task of the
// record's VM leaves. They name nobody else: no other name and no other UUID.
func unfinished(rec Record, config map[string]string) bool {
	uuid := uuidOf(config)
	return slices.Contains(leftLocks[rec.State], config["lock"]) && (config["name"] == "" || config["name"] == rec.Name) && (uuid == "" || uuid == rec.UUID)
}

// tidy waits for what a former process has started, and takes back what the node
// left half made.
func (d *Driver) tidy(ctx context.Context, s Spec) error {
	rec, there, err := d.record(s.Name)
	if err != nil || !there || rec.State == StateReady {
		return err
	}
	for _, id := range slices.Compact([]int{rec.ID, max(rec.From, rec.ID)}) {
		if err := d.pending(ctx, rec.Name, id); err != nil {
			return err
		}
	}
	free, err := d.free(ctx, rec.ID)
	if err != nil {
		return err
	}
	if free { // a create that never began or was taken back; a delete that came to its end
		return d.drop(rec.Name)
	}
	config, err := d.config(ctx, rec.ID)
	if Is(err, KindGone) {
		return d.drop(rec.Name)
	}
	if err != nil {
		return err
	}
	switch {
	case unfinished(rec, config):
		return d.takeBackLocked(ctx, rec)
	case uuidOf(config) != rec.UUID && !marked(rec, config):
		// The create never began, or the delete came to its end, and somebody else has
		// the number now.
		return d.drop(rec.Name)
	case rec.State == StateDeleting:
		// The delete did not come to it. Who wants the VM deleted says so again: here it
		// is wanted.
		rec.State = StateReady
		return d.keep(rec)
	case rec.From != 0:
		return d.claim(ctx, rec, config)
	}
	return nil
}

// takeBackLocked removes the rest of an interrupted task, once the list of tasks has
// shown that the task was ours.
func (d *Driver) takeBackLocked(ctx context.Context, rec Record) error {
	if err := d.interrupted(ctx, rec); err != nil {
		return err
	}
	if err := d.op("unlock"); err != nil {
		return err
	}
	config, err := d.config(ctx, rec.ID)
	if err != nil {
		return err
	}
	if !unfinished(rec, config) {
		return fail(KindChanged, nil, hints[KindChanged], "VM %d is not what it was a moment ago", rec.ID)
	}
	if err := d.o.Unlock(ctx, rec.ID); err != nil {
		return fail(KindLocked, err, "on the node: qm unlock, then run it again", "the lock that an interrupted task left on VM %d cannot be removed: %v", rec.ID, err)
	}
	if err := d.destroyRest(ctx, rec); err != nil {
		return err
	}
	return d.drop(rec.Name)
}

// interrupted looks for the task of ours that made or deleted the VM last, and that it
// ended. The record was written before it was started.
func (d *Driver) interrupted(ctx context.Context, rec Record) error {
	kind, id := "qmcreate", rec.ID
	switch {
	case rec.State == StateDeleting:
		kind = "qmdestroy"
	case rec.From != 0:
		kind, id = "qmclone", rec.From
	}
	all, err := d.tasks(ctx, id, kind)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.End != 0 && !time.Unix(int64(t.Start), 0).Before(rec.Made.Truncate(time.Second)) {
			return nil
		}
	}
	return fail(KindNotOurs, nil, "look at it in Proxmox; if nobody needs it: qm unlock and qm destroy on the node", "VM %d is half made (%s), and no task of ours made it", rec.ID, strings.Join(leftLocks[rec.State], " or "))
}
