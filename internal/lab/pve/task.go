package pve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// task is a worker as Proxmox records it.
type task struct {
	UPID   string    `json:"upid"`
	Type   string    `json:"type"`
	ID     string    `json:"id"`
	User   string    `json:"user"`
	PID    int       `json:"pid"`
	PStart int       `json:"pstart"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Exit   string    `json:"exit"`
	Log    []string  `json:"log"`
}

// job is the work of a task, or of a call that does the same work while the caller waits.
type job struct {
	s    *Server
	ctx  context.Context // ends when the task is stopped
	kind string          // qmcreate; of a call without a task its name with no qm
	vmid int
	task *task // nil without a task
	user string
	undo []func() // releases locks, last first
	warn int      // how many warnings the log has
}

var errStopped = errors.New("interrupted by signal")

// start makes a task and returns its UPID:
// UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER: with the numbers in hexadecimal. Server.mu is held.
// abandon, when there is one, clears up when the worker ends before its work begins.
func (r *request) start(kind, id string, work func(*job) error, abandon ...func(*job)) (any, error) {
	s := r.s
	t := &task{Type: kind, ID: id, User: r.user, PID: s.nextPID(), Start: s.now()}
	t.PStart = int(t.Start.UnixMilli()/10) & 0xfffffff
	t.UPID = fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", s.o.Node, t.PID, t.PStart, t.Start.Unix(), kind, id, r.user)
	s.st.Tasks = append(s.st.Tasks, t)
	ctx, cancel := context.WithCancel(s.ctx)
	s.stops[t.UPID] = cancel
	j := &job{s: s, ctx: ctx, kind: kind, vmid: atoi(id), task: t, user: r.user}
	s.work.Go(func() { j.run(work, abandon) })
	return t.UPID, nil
}

func (j *job) run(work func(*job) error, abandon []func(*job)) {
	err := j.step("worker", j.s.o.Timing.Worker)
	if err == nil {
		err = work(j)
	} else {
		for _, undo := range abandon {
			undo(j)
		}
	}
	j.release()
	if err == nil {
		err = j.step("end", 0)
	}
	if j.s.ctx.Err() != nil && err != nil {
		return // the simulator is closed: the worker dies without a word, as in a power cut
	}
	_ = j.s.with(func() error {
		j.finish(err)
		return nil
	})
}

// finish writes the task's end. Server.mu is held.
func (j *job) finish(err error) {
	j.s.stops[j.task.UPID]()
	delete(j.s.stops, j.task.UPID)
	j.task.End, j.task.Exit = j.s.now(), "OK"
	last := "TASK OK"
	switch {
	case err == nil && j.warn > 0: // a task that warned is a success that says so
		j.task.Exit = fmt.Sprintf("WARNINGS: %d", j.warn)
		last = "TASK " + j.task.Exit
	case err != nil:
		text := strings.TrimSpace(err.Error())
		j.task.Exit, last = strings.Join(strings.Fields(text), " "), "TASK ERROR: "+text
	}
	j.task.Log = append(j.task.Log, strings.Split(last, "\n")...)
	j.s.o.Log.Debug("task", "upid", j.task.UPID, "exit", j.task.Exit)
}

// now does the work while the caller waits. Server.mu is held before and after.
func (r *request) now(kind string, work func(*job) error) error {
	j := &job{s: r.s, ctx: r.s.ctx, kind: kind, vmid: r.vmid(), user: r.user}
	return r.unlocked(func() error {
		defer j.release()
		return work(j)
	})
}

func (j *job) logf(format string, args ...any) {
	if j.task == nil {
		return
	}
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	j.task.Log = append(j.task.Log, fmt.Sprintf(format, args...))
}

// warnf is what Proxmox's log_warn does: the work goes on, and the exit status counts it.
func (j *job) warnf(format string, args ...any) {
	j.logf("WARN: "+format, args...)
	j.warn++
}

// step is one named part of the work: it takes time, can be told to fail, and ends at once when
// the task is stopped. Steps lists the names.
func (j *job) step(name string, takes time.Duration) error {
	if err := j.s.taskFault(j.kind, name, j.vmid); err != nil {
		return err
	}
	if err := j.sleep(j.s.o.Timing.of(takes)); err != nil {
		return err
	}
	return nil
}

func (j *job) sleep(d time.Duration) error {
	if j.ctx.Err() != nil {
		return errStopped
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-j.ctx.Done():
		return errStopped
	case <-t.C:
		return nil
	}
}

// with changes the state, and keeps it. When the simulator is closed the worker changes nothing
// more and clears nothing up, as in a power cut.
func (j *job) with(change func() error) error {
	if j.s.ctx.Err() != nil {
		return errStopped
	}
	return j.s.with(change)
}

func (j *job) release() {
	for i := len(j.undo) - 1; i >= 0; i-- {
		j.undo[i]()
	}
	j.undo = nil
}
