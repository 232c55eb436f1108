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
func (d *Driver) LookKeys(_ context.Context, platform []string) (Finding, error) {
	f, _, err := d.lookKeys(platform)
	return f, err
}

// keysPlan is what an apply writes.
type keysPlan struct {
	file  FileState // as it should be
	is    FileState
	modes []FileState // directories of ours whose mode sshd does not take
}

func (d *Driver) lookKeys(lines []string) (Finding, keysPlan, error) {
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
