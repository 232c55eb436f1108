package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Login is a login of root with a key, as sshd's log has it.
type Login struct {
	At   time.Time
	From string // address
	Key  string // SHA256:…
}

// KeyLogin returns the last login as root with one of the platform's keys since
// authorized_keys was last written, from the journal or from auth.log. A key
// that is not installed, or only with options that restrict it, does not count.
func (d *Driver) KeyLogin(ctx context.Context, platform []string) (Login, bool, error) {
	keys, err := d.installed(platform, time.Now())
	if err != nil || len(keys) == 0 {
		return Login{}, false, err
	}
	return d.keyLogin(ctx, keys)
}

// installed returns those of the platform's keys that open a shell for root
// from anywhere, by what is in authorized_keys and by the modes on the way to it.
func (d *Driver) installed(platform []string, now time.Time) ([]key, error) {
	f, plan, err := d.lookKeys(platform)
	if err != nil {
		return nil, err
	}
	if f.settled() != nil || len(plan.modes) > 0 || loose(plan.is) != "" {
		return nil, nil // sshd ignores the file
	}
	wanted, err := parseKeys(platform)
	if err != nil {
		return nil, err
	}
	file := parseKeysFile(plan.is.Content)
	var out []key
	for _, k := range wanted {
		is := find(file.ours, k)
		if is == nil {
			is = find(file.foreign, k)
		}
		if is != nil && is.hinders(now) == "" {
			out = append(out, k)
		}
	}
	return out, nil
}

func (d *Driver) keyLogin(ctx context.Context, keys []key) (Login, bool, error) {
	path, err := d.resolve(keysPath)
	if err != nil {
		return Login{}, false, err
	}
	info, err := os.Stat(d.at(path))
	if err != nil {
		return Login{}, false, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	logins, err := d.logins(ctx, info.ModTime())
	if err != nil {
		return Login{}, false, err
	}
	var last Login
	for _, l := range logins {
		for _, k := range keys {
			if l.Key == k.print && !l.At.Before(info.ModTime()) && l.At.After(last.At) {
				last = l
			}
		}
	}
	return last, !last.At.IsZero(), nil
}

// logins reads root's logins by key since a time: from the journal where there
// is one, and from the files that rsyslog writes.
func (d *Driver) logins(ctx context.Context, since time.Time) ([]Login, error) {
	var out []Login
	if d.exists(systemdRuns) {
		fromJournal, err := d.journal(ctx, since)
		if err != nil {
			return nil, err
		}
		out = fromJournal
	}
	for _, path := range []string{"/var/log/auth.log.1", "/var/log/auth.log"} {
		b, err := os.ReadFile(d.at(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look for logins: %w", err)
		}
		out = append(out, authLog(string(b), time.Now())...)
	}
	return out, nil
}

// accepted is what sshd logs at LogLevel INFO when a key has let somebody in.
var accepted = regexp.MustCompile(`^Accepted publickey for root from (\S+) port \d+ ssh2: \S+ (SHA256:[A-Za-z0-9+/]{43})`)

func login(at time.Time, message string) (Login, bool) {
	m := accepted.FindStringSubmatch(message)
	if m == nil {
		return Login{}, false
	}
	return Login{At: at, From: m[1], Key: m[2]}, true
}

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
