package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Watch says how a task is followed. The zero value is good.
type Watch struct {
	Read  func(ctx context.Context, path string, out any) error // how status and log are read; default: one GET each
	Lines func(lines []string)                                  // is given what the log says since the last time
}

// Task waits until a task has ended, and is a *TaskError unless it ended well. watch is called with the log's
// newest line when there is one; it may be nil. A task goes on when ctx ends: see Stop.
func (c *Client) Task(ctx context.Context, upid string, watch func(line string)) error {
	return c.Follow(ctx, upid, Watch{Lines: func(lines []string) {
		if watch != nil {
			watch(lines[len(lines)-1])
		}
	}})
}

// Follow waits like Task. The pauses between two looks grow up to Options.Every.
func (c *Client) Follow(ctx context.Context, upid string, w Watch) error {
	at, err := taskPath(upid)
	if err != nil {
		return err
	}
	if w.Read == nil {
		w.Read = func(ctx context.Context, path string, out any) error {
			return c.Do(ctx, http.MethodGet, path, nil, out)
		}
	}
	l := &taskLog{at: at, w: w}
	pause := c.o.Every / 8
	for {
		var status struct{ Status, Exitstatus string }
		err := w.Read(ctx, at+"/status", &status)
		if err == nil {
			l.read(ctx) // after the status: of a task that has ended it is whole
		}
		switch {
		case err == nil && status.Status == "stopped":
			return l.end(upid, status.Exitstatus)
		case ctx.Err() != nil, err == nil && c.pause(ctx, pause) != nil:
			return fmt.Errorf("cannot wait any longer for Proxmox's task %s, which goes on: %w", upid, over(ctx))
		case err != nil:
			return err
		}
		pause = min(c.o.Every, pause+pause/2+time.Millisecond)
	}
}

// Stop has a task end, and returns once it has ended or the time is over.
func (c *Client) Stop(ctx context.Context, upid string) error {
	at, err := taskPath(upid)
	if err != nil {
		return err
	}
	if err := c.Do(ctx, http.MethodDelete, at, nil, nil); err != nil {
		return err
	}
	for {
		var status struct{ Status string }
		if err := c.Do(ctx, http.MethodGet, at+"/status", nil, &status); err != nil || status.Status == "stopped" {
			return err
		}
		if err := c.pause(ctx, c.o.Every); err != nil {
			return err
		}
	}
}

func (c *Client) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return over(ctx)
	case <-t.C:
		return nil
	}
}

// over is the end of a context, with its cause when it has one of its own.
func over(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return ctx.Err()
}

func taskPath(upid string) (string, error) {
	parts := strings.Split(upid, ":")
	if len(parts) < 8 || parts[0] != "UPID" {
		return "", fmt.Errorf("cannot follow Proxmox's task: %q is no UPID", upid)
	}
	return "/nodes/" + url.PathEscape(parts[1]) + "/tasks/" + url.PathEscape(upid), nil
}

const (
	lastLines = 5   // of a log that an error shows
	logPage   = 500 // lines of one answer
)

// taskLog reads a task's log while it grows.
type taskLog struct {
	at   string
	w    Watch
	next Int // the last line that was read, from 1
	tail []string
}

// read takes what the log says since the last time. A log that cannot be read is not waited for: the exit
// status says whether the task ended well.
func (l *taskLog) read(ctx context.Context) {
	for {
		var list []struct {
			N Int
			T string
		}
		page := url.Values{"start": {strconv.FormatInt(int64(l.next), 10)}, "limit": {strconv.Itoa(logPage)}}
		if l.w.Read(ctx, l.at+"/log?"+page.Encode(), &list) != nil {
			return
		}
		var fresh []string
		for _, line := range list {
			text := strings.TrimSpace(line.T)
			if line.N <= l.next || text == "no content" { // which is what Proxmox says when there is nothing
				continue
			}
			l.next = line.N
			if text != "" {
				fresh = append(fresh, text)
			}
		}
		l.tail = append(l.tail, fresh...)
		l.tail = l.tail[max(0, len(l.tail)-lastLines):]
		if len(fresh) > 0 && l.w.Lines != nil {
			l.w.Lines(fresh)
		}
		if len(list) < logPage {
			return
		}
	}
}

// end: warnings are a success; Proxmox's own UI shows them as one.
func (l *taskLog) end(upid, exit string) error {
	if exit == "OK" || strings.HasPrefix(exit, "WARNINGS: ") {
		return nil
	}
	return &TaskError{UPID: upid, Exit: exit, Log: l.tail}
}
