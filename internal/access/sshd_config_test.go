package access

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTheDropInIsTheGoldenFile(t *testing.T) {
	const golden = "testdata/00-waddle.conf"
	if *update {
		must(t, os.WriteFile(golden, dropInText(), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if got := string(dropInText()); got != string(want) {
		t.Errorf("is:\n%s\nwant:\n%s", got, want)
	}
}

const includeAll = "Include /etc/ssh/sshd_config.d/*.conf\n"

func TestWhatComesBeforeOurFileIsAConflictAndWhatComesBehindANote(t *testing.T) {
	needRootFiles(t)
	for name, c := range map[string]struct {
		files    map[string]string
		conflict string // of the first; "" means that there is none
		note     string
	}{
		"Debian's own": {map[string]string{sshdConfig: includeAll + "KbdInteractiveAuthentication no\n"}, "", "sshd does not run"},
		"nothing is included": {map[string]string{sshdConfig: "UsePAM yes\n"},
			"file /etc/ssh/sshd_config: is \"does not include /etc/ssh/sshd_config.d/*.conf\"", ""},
		"it is included inside a Match block": {map[string]string{sshdConfig: "Match User git\n" + includeAll},
			"only inside the block Match User git", ""},
		"it is included by another pattern": {map[string]string{sshdConfig: "Include sshd_config.d/0*.conf sshd_config.d/9*\n"}, "", ""},
		"a value comes before the Include": {map[string]string{sshdConfig: "UsePAM yes\npasswordauthentication=yes\n" + includeAll},
			"/etc/ssh/sshd_config line 2: is \"PasswordAuthentication yes\"", ""},
		"the same value comes before the Include": {map[string]string{sshdConfig: "PasswordAuthentication no\n" + includeAll}, "", ""},
		"root is closed even more before it":      {map[string]string{sshdConfig: "PermitRootLogin no\n" + includeAll}, "", ""},
		"a value comes behind the Include": {map[string]string{sshdConfig: includeAll + "PermitRootLogin yes # as installed\n"},
			"", "/etc/ssh/sshd_config line 2: PermitRootLogin yes has no effect behind"},
		"a file sorts before ours": {map[string]string{sshdConfig: includeAll, "/etc/ssh/sshd_config.d/00-a.conf": "\n\nPermitEmptyPasswords \"yes\"\n"},
			"/etc/ssh/sshd_config.d/00-a.conf line 3: is \"PermitEmptyPasswords yes\"", ""},
		"a file sorts behind ours": {map[string]string{sshdConfig: includeAll, cloudAt: cloudIs},
			"", cloudAt + " line 1: PasswordAuthentication yes has no effect"},
		"an older name of the same setting": {map[string]string{sshdConfig: "ChallengeResponseAuthentication yes\n" + includeAll},
			"line 1: is \"KbdInteractiveAuthentication yes\"", ""},
		"a Match block lets some in by password": {map[string]string{sshdConfig: includeAll + "Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n"},
			"", "line 3: PasswordAuthentication yes applies to those whom Match Address 10.0.0.0/8 matches, and stays"},
		"a Match block of an included file ends with it": {map[string]string{
			sshdConfig: "Include sshd_config.d/00-a.conf\n" + includeAll, "/etc/ssh/sshd_config.d/00-a.conf": "Match User git\nPermitRootLogin yes\n"},
			"", "00-a.conf line 2: PermitRootLogin yes applies to those whom Match User git matches"},
		"a file that is commented out": {map[string]string{sshdConfig: "#PasswordAuthentication yes\n" + includeAll}, "", ""},
		"a hidden file is not read":    {map[string]string{sshdConfig: includeAll, "/etc/ssh/sshd_config.d/.00-a.conf": "PasswordAuthentication yes\n"}, "", ""},
		"sshd has no configuration":    {nil, "file /etc/ssh/sshd_config: want", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t, c.files)
			b.write(sshdProgram, "")
			b.write(sshdDropIn, string(dropInText()))
			must(t, os.Chmod(b.at0(sshdDropIn), 0o644))
			f, err := b.LookSSH(t.Context())
			must(t, err)
			got := ""
			for _, x := range f.Differences {
				got += x.String() + "\n"
			}
			if c.conflict == "" && got != "" || !strings.Contains(got, c.conflict) {
				t.Errorf("differences are %q, want %q", got, c.conflict)
			}
			if !strings.Contains(strings.Join(f.Notes, "\n"), c.note) {
				t.Errorf("notes %q do not say %q", f.Notes, c.note)
			}
		})
	}
	t.Run("our file that others may write", func(t *testing.T) {
		needRootFiles(t)
		b := newBox(t, map[string]string{sshdConfig: includeAll, sshdProgram: "", sshdDropIn: string(dropInText())})
		must(t, os.Chmod(b.at0(sshdDropIn), 0o666))
		f, err := b.LookSSH(t.Context())
		if err != nil || len(f.Differences) != 1 || f.Differences[0].Is != "owner 0, mode 0666" {
			t.Errorf("%v, error %v", f, err)
		}
	})
	t.Run("an Include that leads to itself", func(t *testing.T) {
		b := newBox(t, map[string]string{sshdConfig: "Include sshd_config\n", sshdProgram: ""})
		if _, err := b.LookSSH(t.Context()); err == nil || !strings.Contains(err.Error(), "nested Include") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("a host without sshd has nothing to close", func(t *testing.T) {
		b := newBox(t, nil)
		f, err := b.LookSSH(t.Context())
		if err != nil || len(f.Differences) > 0 || len(f.Notes) != 1 {
			t.Errorf("%v, error %v", f, err)
		}
		must(t, b.ApplySSH(t.Context(), Proof{}))
	})
}

// What we read out of the files has to be what sshd reads out of them.
func TestTheRealSshdAgreesWithWhatWeReadInRandomConfigurations(t *testing.T) {
	needHost(t)
	h := newHost(t)
	const layouts = 150
	r := rand.New(rand.NewPCG(1, 2))
	conflicts := 0
	for n := range layouts {
		must(t, os.RemoveAll("/etc/ssh/sshd_config.d"))
		must(t, os.Mkdir("/etc/ssh/sshd_config.d", 0o755))
		for path, content := range randomLayout(r) {
			must(t, os.WriteFile(path, []byte(content), 0o644))
		}
		must(t, os.WriteFile(sshdDropIn, dropInText(), 0o644))
		var f Finding
		must(t, h.lookConfig(&f))
		out, err := start(context.Background(), sshdProgram, "-T")
		must(t, err)
		open := ""
		for _, s := range settings {
			for line := range strings.Lines(out) {
				if value, ok := strings.CutPrefix(strings.TrimSpace(line), s.keyword+" "); ok && !s.closes(value) {
					open += s.name + " " + value + "; "
				}
			}
		}
		// Without the Include our values may hold by chance: a conflict all the same.
		if ours := f.settled() == nil; ours && open != "" || !ours && open == "" && !strings.Contains(fmt.Sprint(f.Differences), "include") {
			t.Fatalf("layout %d: sshd says open: %q, we say %v\n%s", n, open, f.Differences, h.tree())
		}
		if f.settled() != nil {
			conflicts++
		}
	}
	t.Logf("%d configurations, %d with a conflict: sshd -T agrees", layouts, conflicts)
	if conflicts < layouts/10 || conflicts > layouts*9/10 {
		t.Errorf("the layouts prove little: %d of %d are conflicts", conflicts, layouts)
	}
}

func randomLayout(r *rand.Rand) map[string]string {
	lines := func() string {
		var b strings.Builder
		for range r.IntN(3) {
			s := settings[r.IntN(len(settings))]
			value := []string{"yes", "no"}[r.IntN(2)]
			name := []string{s.name, strings.ToUpper(s.name), "  " + s.name + "=", "#" + s.name}[r.IntN(4)]
			b.WriteString(name + " " + value + []string{"", " # why", "\t"}[r.IntN(3)] + "\n")
		}
		return b.String()
	}
	match := func() string {
		if r.IntN(3) > 0 {
			return ""
		}
		return "Match User git\n" + lines()
	}
	include := []string{includeAll, includeAll, "include sshd_config.d/*.conf\n", "Include \"/etc/ssh/sshd_config.d/*.conf\"\n", ""}[r.IntN(5)]
	before := ""
	if r.IntN(3) == 0 {
		before = lines() + match()
	}
	files := map[string]string{sshdConfig: before + include + lines() + match()}
	for _, name := range []string{"00-a.conf", "10-b.conf", ".00-hidden.conf", "00-waddle.conf.bak"} {
		if r.IntN(3) == 0 {
			files[filepath.Join("/etc/ssh/sshd_config.d", name)] = lines() + match()
		}
	}
	return files
}
