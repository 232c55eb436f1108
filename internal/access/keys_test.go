package access

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// box is a driver on files of the test's own, below a root.
type box struct {
	*Driver
	t    testing.TB
	root string
	fail func(op string) error
	ops  int
}

func newBox(t testing.TB, files map[string]string) *box {
	b := &box{t: t, root: t.TempDir()}
	must(t, os.MkdirAll(b.at0("/root"), 0o700))
	must(t, os.MkdirAll(b.at0("/etc/ssh"), 0o755))
	for path, content := range files {
		b.write(path, content)
	}
	b.Driver = New(Options{Root: b.root, Seam: func(op string) error {
		b.ops++
		if b.fail != nil {
			return b.fail(op)
		}
		return nil
	}, Run: func(_ context.Context, name string, args ...string) (string, error) {
		t.Errorf("%s %v was started", name, args)
		return "", errors.New("no programs here")
	}})
	return b
}

func (b *box) at0(path string) string { return filepath.Join(b.root, path) }

func (b *box) write(path, content string) {
	must(b.t, os.MkdirAll(filepath.Dir(b.at0(path)), 0o700))
	must(b.t, os.WriteFile(b.at0(path), []byte(content), 0o600))
}

// text is every file below the root, with its mode.
func (b *box) text() string {
	var out strings.Builder
	must(b.t, filepath.WalkDir(b.root, func(path string, e fs.DirEntry, err error) error {
		must(b.t, err)
		info, err := os.Lstat(path)
		must(b.t, err)
		out.WriteString(info.Mode().String() + " " + strings.TrimPrefix(path, b.root) + "\n")
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			must(b.t, err)
			out.Write(content)
			out.WriteString("|\n")
		}
		return nil
	}))
	return out.String()
}

func TestKeysAreAddedBesideThoseOfOthersAndTakenBackByteForByte(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "operator@example.org")
	_, second := newKey(t, "second")
	_, foreign := newKey(t, "root@pve")
	blob := strings.Fields(ours)[1]
	for name, c := range map[string]struct {
		file string // "" means that it is not there
		want string
		note string
	}{
		"there is no file":                                    {"", blockOf(ours, second), ""},
		"the file is empty of keys":                           {"# keys\n\n", "# keys\n\n" + blockOf(ours, second), ""},
		"somebody else's key is there":                        {foreign + "\n", foreign + "\n" + blockOf(ours, second), "a key that the platform does not have is left alone: SHA256:"},
		"the last line does not end":                          {foreign, foreign + "\n" + blockOf(ours, second), "root@pve"},
		"one of the keys is there already":                    {ours + "\n", ours + "\n" + blockOf(second), ""},
		"one is there with another comment":                   {"ssh-ed25519 " + blob + " laptop\n", "ssh-ed25519 " + blob + " laptop\n" + blockOf(second), ""},
		"one is there with options of the operator's":         {`from="192.0.2.0/24",no-pty ` + ours + "\n", `from="192.0.2.0/24",no-pty ` + ours + "\n" + blockOf(second), "(from restricts it)"},
		"a line that sshd cannot read is there":               {"nonsense\n", "nonsense\n" + blockOf(ours, second), "sshd cannot read line 1"},
		"our block is there with a key that has been dropped": {blockOf(foreign, ours), blockOf(ours, second), ""},
		"our block is there in another order":                 {blockOf(second, ours), blockOf(ours, second), ""},
		"our block stands between others' lines":              {"# a\n" + blockOf(ours) + "# b\n", "# a\n" + blockOf(ours, second) + "# b\n", ""},
		"our block was edited by hand":                        {strings.Replace(blockOf(ours, second), " second", " changed", 1), blockOf(ours, second), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, nil)
			if c.file != "" {
				b.write(keysPath, c.file)
			}
			ctx, platform, first := t.Context(), []string{ours, second}, b.text()
			before, err := b.CaptureKeys(ctx)
			must(t, err)
			f, err := b.LookKeys(ctx, platform)
			must(t, err)
			if len(f.Differences) == 0 {
				t.Error("nothing differs before the apply")
			}
			if !strings.Contains(strings.Join(f.Notes, "\n"), c.note) {
				t.Errorf("notes %q do not say %q", f.Notes, c.note)
			}
			must(t, b.ApplyKeys(ctx, platform))
			if got, _ := os.ReadFile(b.at0(keysPath)); string(got) != c.want {
				t.Errorf("the file is:\n%s\nwant:\n%s", got, c.want)
			}
			b.settledKeys(platform)
			b.ops = 0
			must(t, b.ApplyKeys(ctx, platform))
			if b.ops > 0 {
				t.Errorf("a second apply did %d operations", b.ops)
			}
			must(t, b.UndoKeys(ctx, before))
			if got := b.text(); got != first {
				t.Errorf("after the undo:\n%s\nwant:\n%s", got, first)
			}
			if left, err := b.ShowUndoKeys(ctx, before); len(left) > 0 || err != nil {
				t.Errorf("the undo has left %v, error %v", left, err)
			}
		})
	}
}

func blockOf(keys ...string) string {
	return blockBegin + "\n" + strings.Join(keys, "\n") + "\n" + blockEnd + "\n"
}

func (b *box) settledKeys(platform []string) {
	b.t.Helper()
	f, err := b.LookKeys(b.t.Context(), platform)
	must(b.t, err)
	if len(f.Differences) > 0 {
		b.t.Errorf("after the apply: %v", f.Differences)
	}
}

// needRootFiles skips a test whose files have to belong to root.
func needRootFiles(t testing.TB) {
	t.Helper()
	needHost(t)
}

func TestKeysAddedByOthersSurviveTheUndo(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	_, later := newKey(t, "later")
	for name, before := range map[string]string{"there was no file": "", "there was one": "# mine\n"} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, nil)
			if before != "" {
				b.write(keysPath, before)
			}
			captured, err := b.CaptureKeys(t.Context())
			must(t, err)
			must(t, b.ApplyKeys(t.Context(), []string{ours}))
			is, _ := os.ReadFile(b.at0(keysPath))
			b.write(keysPath, string(is)+later+"\n")
			must(t, b.UndoKeys(t.Context(), captured))
			if got, _ := os.ReadFile(b.at0(keysPath)); string(got) != before+later+"\n" {
				t.Errorf("the file is %q", got)
			}
			if left, err := b.ShowUndoKeys(t.Context(), captured); len(left) > 0 || err != nil {
				t.Errorf("the undo has left %v, error %v", left, err)
			}
		})
	}
}

// Proxmox VE has a link there into its cluster file system, which allows rename
// and neither links, chmod nor chown.
func TestTheLinkThatProxmoxHasStaysALink(t *testing.T) {
	needRootFiles(t)
	const real = "/etc/pve/priv/authorized_keys"
	_, ours := newKey(t, "ours")
	for name, target := range map[string]string{"absolute": real, "relative": "../../etc/pve/priv/authorized_keys"} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{real: startKey})
			must(t, os.Mkdir(b.at0(sshDir), 0o700))
			must(t, os.Symlink(target, b.at0(keysPath)))
			first := b.text()
			before, err := b.CaptureKeys(t.Context())
			must(t, err)
			must(t, b.ApplyKeys(t.Context(), []string{ours}))
			if got, err := os.Readlink(b.at0(keysPath)); err != nil || got != target {
				t.Fatalf("the link is %q, error %v", got, err)
			}
			if got, _ := os.ReadFile(b.at0(real)); string(got) != startKey+blockOf(ours) {
				t.Errorf("the file behind the link is %q", got)
			}
			b.settledKeys([]string{ours})
			must(t, b.UndoKeys(t.Context(), before))
			if got := b.text(); got != first {
				t.Errorf("after the undo:\n%s\nwant:\n%s", got, first)
			}
		})
	}
	t.Run("the cluster file system is not mounted", func(t *testing.T) {
		b := newBox(t, nil)
		must(t, os.Mkdir(b.at0(sshDir), 0o700))
		must(t, os.Symlink(real, b.at0(keysPath)))
		first := b.text()
		err := b.ApplyKeys(t.Context(), []string{ours})
		if err == nil || !strings.Contains(err.Error(), "pve-cluster") {
			t.Errorf("the error does not name pve-cluster: %v", err)
		}
		if got := b.text(); got != first {
			t.Errorf("something was written:\n%s", got)
		}
	})
	t.Run("a mode that sshd refuses is a conflict, for chmod fails there", func(t *testing.T) {
		b := newBox(t, map[string]string{real: startKey})
		must(t, os.Mkdir(b.at0(sshDir), 0o700))
		must(t, os.Symlink(real, b.at0(keysPath)))
		must(t, os.Chmod(b.at0(real), 0o666))
		var conflict *ConflictError
		if err := b.ApplyKeys(t.Context(), []string{ours}); !errors.As(err, &conflict) {
			t.Errorf("not a conflict: %v", err)
		}
	})
}

func TestModesThatSshdRefusesAreMendedWhereTheyAreOurs(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	loosen := map[string]func(b *box){
		"the file is writable by its group": func(b *box) { must(t, os.Chmod(b.at0(keysPath), 0o660)) },
		"the file belongs to somebody else": func(b *box) { must(t, os.Chown(b.at0(keysPath), 1000, 1000)) },
		"the directory is open to all":      func(b *box) { must(t, os.Chmod(b.at0(sshDir), 0o777)) },
		"the directory is somebody else's":  func(b *box) { must(t, os.Chown(b.at0(sshDir), 1000, 0)) },
	}
	for name, change := range loosen {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{keysPath: blockOf(ours)})
			change(b)
			first := b.text()
			before, err := b.CaptureKeys(t.Context())
			must(t, err)
			if keys, err := b.installed(t.Context(), []string{ours}, time.Now()); len(keys) > 0 || err != nil {
				t.Errorf("a key that sshd ignores counts as installed, error %v", err)
			}
			must(t, b.ApplyKeys(t.Context(), []string{ours}))
			b.settledKeys([]string{ours})
			if keys, err := b.installed(t.Context(), []string{ours}, time.Now()); len(keys) != 1 || err != nil {
				t.Errorf("the key does not count as installed, error %v", err)
			}
			must(t, b.UndoKeys(t.Context(), before))
			if got := b.text(); got != first {
				t.Errorf("after the undo:\n%s\nwant:\n%s", got, first)
			}
		})
	}
	t.Run("root's home is not ours to mend", func(t *testing.T) {
		b := newBox(t, map[string]string{keysPath: blockOf(ours)})
		must(t, os.Chmod(b.at0(rootHome), 0o777))
		var conflict *ConflictError
		if err := b.ApplyKeys(t.Context(), []string{ours}); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "chmod go-w /root") {
			t.Errorf("not a conflict with what to do: %v", err)
		}
	})
}

func TestMarksThatWereEditedAreAConflict(t *testing.T) {
	_, ours := newKey(t, "ours")
	for name, file := range map[string]string{
		"the end is missing":        blockBegin + "\n" + ours + "\n",
		"the end stands alone":      ours + "\n" + blockEnd + "\n",
		"there are two of them":     blockOf(ours) + blockOf(ours),
		"one begins inside another": blockBegin + "\n" + blockOf(ours),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{keysPath: file})
			var conflict *ConflictError
			if err := b.ApplyKeys(t.Context(), []string{ours}); !errors.As(err, &conflict) {
				t.Errorf("not a conflict: %v", err)
			}
			if got, _ := os.ReadFile(b.at0(keysPath)); string(got) != file {
				t.Errorf("the file was changed to %q", got)
			}
		})
	}
}

func TestKeysAfterAFaultAtAnyOperationASecondRunEndsTheSame(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	boom := errors.New("boom")
	for name, file := range map[string]string{"without a file": "", "with one, in a directory that is too open": startKey} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, nil)
			if file != "" {
				b.write(keysPath, file)
				must(t, os.Chmod(b.at0(sshDir), 0o770))
			}
			ctx, platform, first := t.Context(), []string{ours}, b.text()
			before, err := b.CaptureKeys(ctx)
			must(t, err)
			must(t, b.ApplyKeys(ctx, platform))
			done := b.text()
			must(t, b.UndoKeys(ctx, before))
			count := func(act func() error) int { b.ops = 0; must(t, act()); return b.ops }
			applied := count(func() error { return b.ApplyKeys(ctx, platform) })
			undone := count(func() error { return b.UndoKeys(ctx, before) })
			t.Logf("%d operations of an apply, %d of an undo", applied, undone)
			for n := range applied {
				b.faultAt(n, boom)
				if err := b.ApplyKeys(ctx, platform); !errors.Is(err, boom) {
					t.Fatalf("operation %d fails, but the apply ended with %v", n, err)
				}
				b.fail = nil
				must(t, b.ApplyKeys(ctx, platform))
				b.same(done)
				must(t, b.UndoKeys(ctx, before))
				b.same(first)
			}
			for n := range undone {
				must(t, b.ApplyKeys(ctx, platform))
				b.faultAt(n, boom)
				if err := b.UndoKeys(ctx, before); !errors.Is(err, boom) {
					t.Fatalf("operation %d fails, but the undo ended with %v", n, err)
				}
				b.fail = nil
				if left, err := b.ShowUndoKeys(ctx, before); len(left) == 0 || err != nil {
					t.Errorf("after a fault at %d of the undo nothing is left to undo, error %v", n, err)
				}
				must(t, b.UndoKeys(ctx, before))
				b.same(first)
			}
		})
	}
}

// faultAt makes the n-th operation from now on fail, and all after it.
func (b *box) faultAt(n int, boom error) {
	seen := -1
	b.fail = func(string) error {
		if seen++; seen >= n {
			return boom
		}
		return nil
	}
}

func (b *box) same(want string) {
	b.t.Helper()
	if got := b.text(); got != want {
		b.t.Fatalf("is:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhatAKilledWriteHasLeftIsTakenAway(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	b := newBox(t, map[string]string{sshDir + "/.authorized_keys123456": "half", sshDir + "/.authorized_keys.mine": "kept"})
	must(t, b.ApplyKeys(t.Context(), []string{ours}))
	if _, err := os.Stat(b.at0(sshDir + "/.authorized_keys123456")); err == nil {
		t.Error("the half of a killed write is still there")
	}
	if _, err := os.Stat(b.at0(sshDir + "/.authorized_keys.mine")); err != nil {
		t.Errorf("the operator's file is gone: %v", err)
	}
}

func TestKeysThatOpenNoShellFromAnywhereDoNotCount(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		options string
		counts  bool
	}{
		"no options":                           {"", true},
		"no forwarding":                        {"no-agent-forwarding,no-X11-forwarding ", true},
		"an expiry in the future":              {`expiry-time="20271124Z" `, true},
		"an expiry in the past":                {`expiry-time="20251124" `, false},
		"an expiry that is none":               {`expiry-time="soon" `, false},
		"a command":                            {`command="/bin/true" `, false},
		"a network":                            {`from="10.0.0.0/8" `, false},
		"a certificate authority":              {"cert-authority ", false},
		"restrict leaves a shell all the same": {"restrict ", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{keysPath: c.options + ours + "\n"})
			keys, err := b.installed(t.Context(), []string{ours}, now)
			must(t, err)
			if got := len(keys) == 1; got != c.counts {
				t.Errorf("counts: %v, want %v", got, c.counts)
			}
		})
	}
}

func TestTheLastKeyStaysWhilePasswordsAreOff(t *testing.T) {
	needRootFiles(t)
	_, ours := newKey(t, "ours")
	b := newBox(t, map[string]string{sshdDropIn: string(dropInText())})
	before, err := b.CaptureKeys(t.Context())
	must(t, err)
	must(t, b.ApplyKeys(t.Context(), []string{ours}))
	var conflict *ConflictError
	if err := b.UndoKeys(t.Context(), before); !errors.As(err, &conflict) {
		t.Errorf("the last key was taken away: %v", err)
	}
	if left, err := b.ShowUndoKeys(t.Context(), before); err != nil || len(left) != 1 || left[0].Kind != Conflict {
		t.Errorf("the undo's plan is %v, error %v", left, err)
	}
	b.settledKeys([]string{ours})
	must(t, os.Remove(b.at0(sshdDropIn)))
	must(t, b.UndoKeys(t.Context(), before))
}

func TestNotAllKeysAreChangedAtOnceWhilePasswordsAreOff(t *testing.T) {
	needRootFiles(t)
	_, old := newKey(t, "old")
	fresh, err := parseKey(keyLine(t, "fresh"))
	must(t, err)
	_, foreign := newKey(t, "root@pve")
	seen := "2026-11-24T08:00:00.000000+00:00 pve sshd[7]: Accepted publickey for root from 192.0.2.7 port 50000 ssh2: ED25519 " + fresh.print + "\n"
	for name, row := range map[string]struct {
		file, log string
		passwords bool
		refused   bool
	}{
		"the only key would be another":                        {blockOf(old), "", false, true},
		"one of others is there, which opens no shell":         {`command="true" ` + foreign + "\n" + blockOf(old), "", false, true},
		"one of others stays":                                  {foreign + "\n" + blockOf(old), "", false, false},
		"the new one stands beside the old one":                {blockOf(old, fresh.line), "", false, false},
		"somebody has logged in with the new one, as it seems": {blockOf(old), seen, false, false},
		"passwords are taken still":                            {blockOf(old), "", true, false},
		"there was none":                                       {"", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, map[string]string{keysPath: row.file})
			if !row.passwords {
				b.write(sshdDropIn, string(dropInText()))
			}
			b.write("/var/log/auth.log", row.log)
			before := b.text()
			f, err := b.LookKeys(t.Context(), []string{fresh.line})
			must(t, err)
			if got := f.settled() != nil; got != row.refused {
				t.Errorf("refused beforehand: %t, differences %v", got, f.Differences)
			}
			err = b.ApplyKeys(t.Context(), []string{fresh.line})
			if !row.refused {
				must(t, err)
				b.settledKeys([]string{fresh.line})
				return
			}
			if _, ok := errors.AsType[*ConflictError](err); !ok || !strings.Contains(err.Error(), "have an old and the new key") || b.text() != before {
				t.Errorf("%v; changed: %t", err, b.text() != before)
			}
		})
	}
}

func keyLine(t *testing.T, comment string) string {
	_, line := newKey(t, comment)
	return line
}

// Whatever is in the file: what others wrote stays, byte for byte, our keys are
// in it once, and a second look finds nothing to do.
func FuzzOthersLinesStayWhateverTheyAre(f *testing.F) {
	_, ours := newKey(f, "ours")
	_, second := newKey(f, "second")
	for _, seed := range []string{"", startKey, blockOf(ours), "x\n" + blockOf(second, ours) + "y", blockBegin, blockEnd + "\n", "\r\n\x00", ours + "\r\n" + blockOf(ours), "from=\"a " + ours} {
		f.Add([]byte(seed))
	}
	platform, err := parseKeys([]string{ours, second})
	must(f, err)
	f.Fuzz(func(t *testing.T, content []byte) {
		file := parseKeysFile(content)
		if file.broken != "" {
			return
		}
		out := file.with(file.wanted(platform))
		again := parseKeysFile(out)
		if again.broken != "" || string(again.with(again.wanted(platform))) != string(out) {
			t.Fatalf("a second run changes %q to %q", out, again.with(again.wanted(platform)))
		}
		before := string(file.before)
		if kept := string(again.before) + string(again.after); kept != before+string(file.after) && kept != before+"\n"+string(file.after) {
			t.Fatalf("others' lines were %q and are %q", before+string(file.after), kept)
		}
		for _, k := range platform {
			if find(again.ours, k) == nil && find(again.foreign, k) == nil {
				t.Fatalf("%s is not in %q", k, out)
			}
		}
	})
}
