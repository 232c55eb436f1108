package vms

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// write is one change that Proxmox makes as a task.
type write struct {
	op           string // of the seam, and of the events
	kind         string // the task's type
	method, path string // path below /nodes/NODE
	body         map[string]any
	name         string   // the VM's
	id           int      // the VM's number, as the task has it
	storages     []string // whose locks the task takes
	alone        bool     // and holds until it is done
	// check is looked at after the seam, right before the request.
	check func(context.Context) error
}

// run sends a write and waits for its task. When no answer came it looks for the
// task that the write has started; it never sends twice.
func (d *Driver) run(ctx context.Context, w write) error {
	release, err := d.locks.storages(ctx, w.storages, w.alone)
	if err != nil {
		return err
	}
	defer release()
	if err := d.op(w.op); err != nil {
		return err
	}
	before, err := d.tasks(ctx, w.id, w.kind)
	if err != nil {
		return err
	}
	if w.check != nil {
		if err := w.check(ctx); err != nil {
			return err
		}
	}
	var upid string
	unsure, err := d.api.send(ctx, w.method, d.api.nodePath(w.path), w.body, &upid)
	if unsure {
		upid, err = d.startedBy(ctx, w, before, err)
	}
	if err != nil {
		return err
	}
	return d.wait(ctx, w.name, w.op, upid)
}

// taskInfo is a task as the node's list has it.
type taskInfo struct {
	UPID  string   `json:"upid"`
	Type  string   `json:"type"`
	ID    string   `json:"id"`
	Start rest.Int `json:"starttime"`
	End   rest.Int `json:"endtime"` // 0 while it runs
}

// user is who has started a task: a user, or a token. The list has both in one field of a task that runs, and in two
// of one that has ended; the name of the task does not change.
func (t taskInfo) user() string {
	if parts := strings.Split(t.UPID, ":"); len(parts) > 7 {
		return parts[7]
	}
	return ""
}

// tasks lists what our token has started for a VM, newest first.
func (d *Driver) tasks(ctx context.Context, id int, kind string) ([]taskInfo, error) {
	q := url.Values{"source": {"all"}, "vmid": {strconv.Itoa(id)}, "limit": {"50"}}
	if kind != "" {
		q.Set("typefilter", kind)
	}
	user, err := d.api.client.TokenID()
	if err != nil {
		return nil, d.api.explain(ctx, err)
	}
	var all []taskInfo
	if err := d.api.get(ctx, d.api.nodePath("/tasks?"+q.Encode()), &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t taskInfo) bool { return t.user() != user }), nil
}

const lost = 3 // how often a write that got no answer is looked for

// startedBy finds the task of a write that got no answer. Changes of one VM come one
// after the other and are waited for, so a task of ours that was not in the list
// before is the one.
func (d *Driver) startedBy(ctx context.Context, w write, before []taskInfo, failed error) (string, error) {
	for range lost {
		if err := sleep(ctx, d.o.Poll); err != nil {
			return "", err
		}
		now, err := d.tasks(ctx, w.id, w.kind)
		if err != nil {
			return "", err
		}
		for _, t := range now {
			if !slices.ContainsFunc(before, func(b taskInfo) bool { return b.UPID == t.UPID }) {
				return t.UPID, nil
			}
		}
	}
	var e *Error
	if errors.As(failed, &e) && e.Kind == KindUnavailable {
		out := *e
		out.Hint = "it was looked for and has not begun: run it again"
		return "", &out
	}
	return "", failed
}

// pending waits for the tasks of ours that still run for a VM: those of a process
// that was killed.
func (d *Driver) pending(ctx context.Context, name string, id int) error {
	all, err := d.tasks(ctx, id, "")
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.End != 0 {
			continue
		}
		var e *Error
		if err := d.wait(ctx, name, t.Type, t.UPID); err != nil && !(errors.As(err, &e) && e.Task != "") {
			return err
		}
	}
	return nil
}

// wait waits until a task has ended, and fails when it did not succeed. When the
// context ends first the task goes on.
func (d *Driver) wait(ctx context.Context, name, op, upid string) error {
	percent := 0.0
	err := d.api.client.Follow(ctx, upid, rest.Watch{Read: d.api.get, Lines: func(lines []string) {
		for _, l := range lines {
			if m := percentage.FindStringSubmatch(l); m != nil {
				percent, _ = strconv.ParseFloat(m[1], 64)
			}
		}
		d.progress(Event{VM: name, Op: op, UPID: upid, Percent: percent, Lines: lines})
	}})
	var failed *rest.TaskError
	if errors.As(err, &failed) {
		return explainTask(failed)
	}
	return err
}

var percentage = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*%`)
