package vms

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
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
	UPID  string `json:"upid"`
	Type  string `json:"type"`
	ID    string `json:"id"`
	User  string `json:"user"`
	Start int64  `json:"starttime"`
	End   int64  `json:"endtime"` // 0 while it runs
}

// tasks lists what our token has started for a VM, newest first.
func (d *Driver) tasks(ctx context.Context, id int, kind string) ([]taskInfo, error) {
	q := url.Values{"source": {"all"}, "vmid": {strconv.Itoa(id)}, "limit": {"50"}}
	if kind != "" {
		q.Set("typefilter", kind)
	}
	token, err := d.o.Token()
	if err != nil {
		return nil, fail(KindToken, err, "make one: waddled setup proxmox", "the API token cannot be read: %v", err)
	}
	var all []taskInfo
	if err := d.api.get(ctx, d.api.nodePath("/tasks?"+q.Encode()), &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t taskInfo) bool { return t.User != token.ID }), nil
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
	w := &watch{d: d, name: name, op: op, upid: upid}
	pause := d.o.Poll / 8
	for {
		var s struct {
			Status string `json:"status"`
			Exit   string `json:"exitstatus"`
		}
		if err := d.api.get(ctx, d.api.nodePath("/tasks/"+url.PathEscape(upid)+"/status"), &s); err != nil {
			return w.left(ctx, err)
		}
		if err := w.read(ctx); err != nil {
			return w.left(ctx, err)
		}
		if s.Status == "stopped" {
			return w.end(s.Exit)
		}
		if err := sleep(ctx, pause); err != nil {
			return w.left(ctx, err)
		}
		pause = min(d.o.Poll, pause+pause/2+time.Millisecond)
	}
}

const tailKept = 5 // lines of a task's log that an error shows

// watch reads a task's log while it grows.
type watch struct {
	d              *Driver
	name, op, upid string
	next           int // the first line that was not read yet
	percent        float64
	tail           []string
}

var percentage = regexp.MustCompile(`(\d+(?:\.\d+)?)\s*%`)

const logPage = 500 // lines of one answer

// read takes what the log says since the last time and reports it.
func (w *watch) read(ctx context.Context) error {
	for {
		var lines []logLine
		path := fmt.Sprintf("/tasks/%s/log?start=%d&limit=%d", url.PathEscape(w.upid), w.next, logPage)
		if err := w.d.api.get(ctx, w.d.api.nodePath(path), &lines); err != nil {
			return err
		}
		w.take(lines)
		if len(lines) < logPage {
			return nil
		}
	}
}

type logLine struct {
	N int    `json:"n"` // from 1
	T string `json:"t"`
}

func (w *watch) take(lines []logLine) {
	var fresh []string
	for _, l := range lines {
		if l.N <= w.next || l.T == "no content" {
			continue
		}
		w.next = l.N
		fresh = append(fresh, l.T)
		if m := percentage.FindStringSubmatch(l.T); m != nil {
			w.percent, _ = strconv.ParseFloat(m[1], 64)
		}
	}
	w.tail = append(w.tail, fresh...)
	w.tail = w.tail[max(0, len(w.tail)-tailKept):]
	if len(fresh) > 0 {
		w.d.progress(Event{VM: w.name, Op: w.op, UPID: w.upid, Percent: w.percent, Lines: fresh})
	}
}

func (w *watch) end(exit string) error {
	if exit == "OK" || strings.HasPrefix(exit, "WARNINGS:") {
		return nil
	}
	e := explainText(exit, nil)
	if e.Kind == KindRefused {
		e.Kind = KindTask
		// The exit status often says only that QEMU did not start; the log knows why.
		if kind := kindOf(strings.Join(w.tail, "\n")); kind != KindRefused {
			e.Kind = kind
		}
		e.Hint = hints[e.Kind]
	}
	e.Detail, e.Task, e.Log = fmt.Sprintf("the task ended with %q", exit), w.upid, w.tail
	return e
}

// left is the error of who stops waiting.
func (w *watch) left(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("task %s goes on: %w", w.upid, ctx.Err())
	}
	return err
}
