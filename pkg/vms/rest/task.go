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

const lastLines = 5

// Task waits until a task has ended, and is a *TaskError unless it ended well. watch is called with the log's
// newest line at each look; it may be nil. A task goes on when ctx ends: see Stop.
func (c *Client) Task(ctx context.Context, upid string, watch func(line string)) error {
	at, err := taskPath(upid)
	if err != nil {
		return err
	}
	for {
		var status struct {
			Status     string
			Exitstatus string
		}
		if err := c.Do(ctx, http.MethodGet, at+"/status", nil, &status); err != nil {
			return err
		}
		if status.Status == "stopped" {
			// Warnings are a success: Proxmox's own UI shows them as one.
			if status.Exitstatus == "OK" || strings.HasPrefix(status.Exitstatus, "WARNINGS: ") {
				return nil
			}
			return &TaskError{UPID: upid, Exit: status.Exitstatus, Log: c.log(ctx, at)}
		}
		if watch != nil {
			if lines := c.log(ctx, at); len(lines) > 0 {
				watch(lines[len(lines)-1])
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot wait any longer for Proxmox's task %s: %w", upid, context.Cause(ctx))
		case <-time.After(c.o.Every):
		}
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
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(c.o.Every):
		}
	}
}

func taskPath(upid string) (string, error) {
	parts := strings.Split(upid, ":")
	if len(parts) < 8 || parts[0] != "UPID" {
		return "", fmt.Errorf("cannot follow Proxmox's task: %q is no UPID", upid)
	}
	return "/nodes/" + url.PathEscape(parts[1]) + "/tasks/" + url.PathEscape(upid), nil
}

// log is the last lines of a task's log. A task without one that can be read has none.
func (c *Client) log(ctx context.Context, at string) (lines []string) {
	const page = 500
	for start := 0; ; start += page {
		var list []struct{ T string }
		params := url.Values{"start": {strconv.Itoa(start)}, "limit": {strconv.Itoa(page)}}
		if c.Do(ctx, http.MethodGet, at+"/log", params, &list) != nil {
			return lines
		}
		for _, l := range list {
			if t := strings.TrimSpace(l.T); t != "" && t != "no content" {
				lines = append(lines, t)
			}
		}
		lines = lines[max(0, len(lines)-lastLines):]
		if len(list) < page {
			return lines
		}
	}
}
