package access

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// journal asks for what processes called sshd and run by root have logged: the
// journal takes name and user from the kernel, so nobody else can write such
// lines. Since OpenSSH 9.8 a session is a program of its own.
func (d *Driver) journal(ctx context.Context, since time.Time) ([]Login, error) {
	text, err := d.run(ctx, "journalctl", "--no-pager", "--quiet", "-o", "json", "--since=@"+strconv.FormatInt(since.Unix(), 10),
		"_UID=0", "_COMM=sshd", "+", "_UID=0", "_COMM=sshd-session")
	if err != nil {
		return nil, fmt.Errorf("cannot look for logins in the journal: %w", err)
	}
	var out []Login
	for line := range strings.Lines(text) {
		var entry struct {
			Message any    `json:"MESSAGE"` // an array of numbers when it is no text
			Micros  string `json:"__REALTIME_TIMESTAMP"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			return nil, fmt.Errorf("cannot read what journalctl printed: %w", err)
		}
		message, _ := entry.Message.(string)
		micros, err := strconv.ParseInt(entry.Micros, 10, 64)
		if err != nil {
			continue
		}
		if l, ok := login(time.UnixMicro(micros), message); ok {
			out = append(out, l)
		}
	}
	return out, nil
}

// logLine is a line of auth.log: time, host, program and message.
var logLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ sshd(?:-session)?\[\d+\]: (.*)$`)

func authLog(text string, now time.Time) []Login {
	var out []Login
	for line := range strings.Lines(text) {
		m := logLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		at, err := logTime(m[1], now)
		if err != nil {
			continue
		}
		if l, ok := login(at, m[2]); ok {
			out = append(out, l)
		}
	}
	return out
}

// logTime reads the time of a line: RFC 3339, which Debian's rsyslog writes
// since 12, or the older form without a year, which is then the last that is
// not in the future.
func logTime(text string, now time.Time) (time.Time, error) {
	if text[0] >= '0' && text[0] <= '9' {
		return time.Parse(time.RFC3339Nano, text)
	}
	t, err := time.ParseInLocation("2006 Jan _2 15:04:05", strconv.Itoa(now.Year())+" "+text, now.Location())
	if err == nil && t.After(now) {
		t = t.AddDate(-1, 0, 0)
	}
	return t, err
}
