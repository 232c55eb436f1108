package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
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
	keys, err := d.installed(ctx, platform, time.Now())
	if err != nil || len(keys) == 0 {
		return Login{}, false, err
	}
	return d.keyLogin(ctx, keys)
}

// LoginFrom returns the last login as root with any key or certificate from one
// address since a time, from the journal or from auth.log.
func (d *Driver) LoginFrom(ctx context.Context, from netip.Addr, since time.Time) (Login, bool, error) {
	logins, err := d.logins(ctx, since)
	if err != nil {
		return Login{}, false, err
	}
	var last Login
	for _, l := range logins {
		a, err := netip.ParseAddr(l.From)
		if err == nil && a.Unmap() == from && !l.At.Before(since) && l.At.After(last.At) {
			last = l
		}
	}
	return last, !last.At.IsZero(), nil
}

// installed returns those of the platform's keys that open a shell for root
// from anywhere, by what is in authorized_keys and by the modes on the way to it.
func (d *Driver) installed(ctx context.Context, platform []string, now time.Time) ([]key, error) {
	f, plan, err := d.lookKeys(ctx, platform)
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

// keysWritten is when authorized_keys was last written.
func (d *Driver) keysWritten() (time.Time, error) {
	path, err := d.resolve(keysPath)
	if err != nil {
		return time.Time{}, err
	}
	info, err := os.Stat(d.at(path))
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot look at %s: %w", path, err)
	}
	return info.ModTime(), nil
}

func (d *Driver) keyLogin(ctx context.Context, keys []key) (Login, bool, error) {
	written, err := d.keysWritten()
	if err != nil {
		return Login{}, false, err
	}
	logins, err := d.logins(ctx, written)
	if err != nil {
		return Login{}, false, err
	}
	var last Login
	for _, l := range logins {
		for _, k := range keys {
			if l.Key == k.print && !l.At.Before(written) && l.At.After(last.At) {
				last = l
			}
		}
	}
	return last, !last.At.IsZero(), nil
}

// logins reads root's logins by key since a time: from the journal where systemd
// runs, else from the files that a syslog daemon writes, to which any local
// process can add a line.
func (d *Driver) logins(ctx context.Context, since time.Time) ([]Login, error) {
	if d.exists(systemdRuns) {
		return d.journal(ctx, since)
	}
	var out []Login
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
