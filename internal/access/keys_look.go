package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The files of root's keys.
const (
	rootHome = "/root"
	sshDir   = "/root/.ssh"
	keysPath = "/root/.ssh/authorized_keys"
)

// LookKeys compares root's authorized keys with the platform's, each a line as
// in a .pub file. Keys of others are left alone and named in the notes.
func (d *Driver) LookKeys(ctx context.Context, platform []string) (Finding, error) {
	f, _, err := d.lookKeys(ctx, platform)
	return f, err
}

// keysPlan is what an apply writes.
type keysPlan struct {
	file  FileState // as it should be
	is    FileState
	modes []FileState // directories of ours whose mode sshd does not take
}

func (d *Driver) lookKeys(ctx context.Context, lines []string) (Finding, keysPlan, error) {
	var f Finding
	var plan keysPlan
	platform, err := parseKeys(lines)
	if err != nil {
		return f, plan, err
	}
	path, err := d.resolve(keysPath)
	if err != nil {
		return f, plan, err
	}
	if plan.is, err = d.look(path); err != nil {
		return f, plan, err
	}
	file := parseKeysFile(plan.is.Content)
	if file.broken != "" {
		f.add(Difference{Kind: Conflict, Object: "file " + path, Is: file.broken, Note: "the marks of waddle's block were edited; put them right, or delete the block with both marks"})
		return f, plan, nil
	}
	lookBlock(&f, file, platform)
	if d.exists(sshdDropIn) { // so SSH takes no passwords
		if err := d.lookLast(ctx, &f, path, file, platform); err != nil {
			return f, plan, err
		}
	}
	noteForeign(&f, file, platform, time.Now())
	want := file.wanted(platform)
	plan.file = FileState{Path: path, Exists: true, Content: file.with(want), Mode: 0o600}
	if !slices.EqualFunc(file.ours, want, func(a, b key) bool { return a.line == b.line }) || len(file.other) > 0 {
		f.block(path, plan.is.Exists, string(plan.file.Content) == string(plan.is.Content))
	} else {
		plan.file.Content = plan.is.Content
	}
	if plan.is.Exists {
		plan.file.Mode, plan.file.GID = plan.is.Mode&^0o022, plan.is.GID
	}
	return f, plan, d.lookModes(&f, &plan)
}

// block adds what no single key explains: the order or the text of our lines.
func (f *Finding) block(path string, exists, same bool) {
	if same || len(f.Differences) > 0 {
		return
	}
	f.add(Difference{Kind: createOrChange(exists), Object: "block in " + path, Is: "other lines, or another order", Want: "the keys of the platform, one a line"})
}

func lookBlock(f *Finding, file keysFile, platform []key) {
	for _, k := range file.wanted(platform) {
		switch is := find(file.ours, k); {
		case is == nil:
			f.add(Difference{Kind: Create, Object: "key " + k.print, Want: k.line})
		case is.line != k.line:
			f.add(Difference{Kind: Change, Object: "key " + k.print, Is: is.line, Want: k.line})
		}
	}
	for _, k := range file.ours {
		if find(platform, k) == nil {
			f.add(Difference{Kind: Remove, Object: "key " + k.print, Is: k.line, Note: "the platform no longer has it"})
		}
	}
}

// logged is how far back a login shows that somebody has a key's other half.
const logged = 90 * 24 * time.Hour

// lookLast finds that every key with which root could log in until now would go,
// for keys that nobody has ever logged in with: whoever has mistyped the new one,
// or does not have its other half, would be locked out.
func (d *Driver) lookLast(ctx context.Context, f *Finding, path string, file keysFile, platform []key) error {
	stays := slices.ContainsFunc(file.ours, func(k key) bool { return find(platform, k) != nil }) ||
		slices.ContainsFunc(file.foreign, func(k key) bool { return k.hinders(time.Now()) == "" })
	if len(file.ours) == 0 || stays {
		return nil
	}
	logins, err := d.logins(ctx, time.Now().Add(-logged))
	if err != nil {
		return err
	}
	for _, l := range logins {
		if slices.ContainsFunc(platform, func(k key) bool { return k.print == l.Key }) {
			return nil
		}
	}
	var is []string
	for _, k := range file.ours {
		is = append(is, k.String())
	}
	f.add(Difference{Kind: Conflict, Object: "keys in " + path, Is: strings.Join(is, "\n"), Want: "one of them until somebody has logged in with a new one",
		Note: "SSH takes no passwords, and all keys would change at once: have an old and the new key in spec.host.ssh.authorizedKeys, apply, log in with the new one, then take the old one out"})
	return nil
}

func noteForeign(f *Finding, file keysFile, platform []key, now time.Time) {
	for _, k := range file.foreign {
		switch hinder := k.hinders(now); {
		case find(platform, k) == nil:
			f.note("a key that the platform does not have is left alone: %s", k)
		case hinder != "":
			f.note("a key of the platform is there with options of yours, which stay: %s (%s restricts it)", k, hinder)
		}
	}
	if len(file.wrong) > 0 {
		f.note("sshd cannot read line %s of authorized_keys; it is left alone", strings.Trim(strings.ReplaceAll(fmt.Sprint(file.wrong), " ", ", "), "[]"))
	}
}
