package netfw

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LookForwarding compares IPv4 forwarding, live and after a reboot, with "on".
// IPv6 forwarding is not looked at: it stays as it is.
func (d *Driver) LookForwarding(ctx context.Context) (Finding, error) {
	var f Finding
	b, ok, err := d.read(ownSysctl)
	if err != nil {
		return f, err
	}
	if string(b) != ownSysctlText {
		f.add(Difference{Kind: createOrChange(ok), Object: "file " + ownSysctl, Is: string(b), Want: ownSysctlText})
	}
	files, err := d.sysctlFiles()
	if err != nil {
		return f, err
	}
	for _, s := range files {
		lookSysctlFile(&f, s, ok)
	}
	live, err := d.sysctl(ipForward)
	if err != nil {
		return f, err
	}
	if live != "1" {
		f.add(Difference{Kind: Change, Object: "sysctl net.ipv4.ip_forward", Is: live, Want: "1"})
	}
	return f, nil
}

// lookSysctlFile takes own for true once our file is there: from then on a line
// that says the same must not hold up a repair.
func lookSysctlFile(f *Finding, s sysctlFile, own bool) {
	for _, l := range s.lines {
		text := l.key + "=" + l.value
		object := fmt.Sprintf("file %s, %s", s.path, l.key)
		switch {
		case l.value == "1" && own:
			f.note("%s says the same as %s and can be removed", object, ownSysctl)
		case l.value == "1" && strings.HasPrefix(s.path, "/etc/"):
			f.add(Difference{Kind: Adopt, Object: object, Is: text,
				Note: fmt.Sprintf("the line moves to %s; a copy of the file is kept in %s", ownSysctl, adoptedDir)})
		case l.value == "1":
			f.note("%s sets %s as well; it belongs to a package and stays", s.path, text)
		case s.after:
			f.add(Difference{Kind: Conflict, Object: object, Is: text, Want: "net.ipv4.ip_forward=1",
				Note: fmt.Sprintf("this line is read after %s and would switch forwarding off at the next boot; remove it", ownSysctl)})
		default:
			f.note("%s sets %s, which %s overrides", s.path, text, ownSysctl)
		}
	}
}

// sysctl reads a value; name is the path under /proc.
func (d *Driver) sysctl(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(d.proc, name))
	if err != nil {
		return "", fmt.Errorf("cannot read sysctl %s: %w", name, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func (d *Driver) setSysctl(name, value string) error {
	if err := d.op("proc:" + name); err != nil {
		return err
	}
	// O_TRUNC alone, no O_CREATE: proc has no files to be made.
	f, err := os.OpenFile(filepath.Join(d.proc, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("cannot set sysctl %s: %w", name, err)
	}
	_, err = f.WriteString(value + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("cannot set sysctl %s to %s: %w", name, value, err)
	}
	d.log.Info("sysctl set", "name", name, "value", value)
	return nil
}

// ApplyForwarding switches IPv4 forwarding on, now and for every boot. It
// returns a *ConflictError or an *AdoptionError before it changes anything.
func (d *Driver) ApplyForwarding(ctx context.Context, c Consent) error {
	d.write.Lock()
	defer d.write.Unlock()
	f, err := d.LookForwarding(ctx)
	if err != nil {
		return err
	}
	if err := f.allowed(c); err != nil || len(f.Differences) == 0 {
		return err
	}
	if c.Adopt {
		if err := d.adoptSysctl(); err != nil {
			return err
		}
	}
	if err := d.ensureFile(ownSysctl, []byte(ownSysctlText), plainMode); err != nil {
		return err
	}
	live, err := d.sysctl(ipForward)
	if err != nil || live == "1" {
		return err
	}
	return d.setSysctl(ipForward, "1")
}

func (d *Driver) adoptSysctl() error {
	files, err := d.sysctlFiles()
	if err != nil {
		return err
	}
	for _, s := range files {
		if !strings.HasPrefix(s.path, "/etc/") {
			continue // a package's, hidden or overridden by ours
		}
		if err := d.takeOut(s.path, s.content, withoutOn(s.content)); err != nil {
			return fmt.Errorf("cannot take over net.ipv4.ip_forward: %w", err)
		}
	}
	return nil
}
