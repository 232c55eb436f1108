// Package deb_test looks at the package that deb/build.sh makes. What it does on
// a host is tried in test/appliance.
package deb_test

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func sameBytesElsewhere(t *testing.T, here string) {
	elsewhere := filepath.Join(t.TempDir(), "somewhere", "else")
	copySources(t, "..", elsewhere)
	there := build(t, elsewhere)
	a, b := read(t, here), read(t, there)
	if sha256.Sum256(a) != sha256.Sum256(b) {
		t.Errorf("two builds of the same sources differ: %d and %d bytes; compare them with diffoscope", len(a), len(b))
	}
	t.Logf("%s: %d bytes, sha256 %x", filepath.Base(here), len(a), sha256.Sum256(a))
}

func holdsWhatItShould(t *testing.T, here string) {
	listing := output(t, "dpkg-deb", "-c", here)
	// Mode, owner and path; sizes and dates differ from build to build, and the
	// documents from commit to commit.
	line := regexp.MustCompile(`(?m)^(\S+ \S+) +\d+ \S+ \S+ (.*)$`)
	documents := regexp.MustCompile(`(?m)^.*/usr/share/doc/waddle/.*\.md\n`)
	golden(t, "contents.txt", documents.ReplaceAllString(line.ReplaceAllString(listing, "$1 $2"), ""))
}

func TestVersionsSortAsReleasesDo(t *testing.T) {
	ascending := []string{
		"2ab7147", "5d2653e-dirty", // no tag yet: by the commit's time
		"v1.2.0-rc1", "v1.2.0-rc1-4-gabc1234", "v1.2.0", "v1.2.0-dirty", "v1.2.0-3-gabc1234", "v1.2.0-3-gabc1234-dirty", "v1.2.1",
	}
	older := ""
	for i, described := range ascending {
		cmd := exec.Command("./version.sh", described)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+[]string{"1700000000", "1700000001"}[min(i, 1)])
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("version.sh %s: %v", described, err)
		}
		version := strings.TrimSpace(string(out))
		if older != "" && exec.Command("dpkg", "--compare-versions", older, "lt", version).Run() != nil {
			t.Errorf("%s is the version %s, which dpkg does not sort after %s", described, version, older)
		}
		older = version
	}
}

// TestThePackage builds this checkout's package once for the tests of it.
func TestThePackage(t *testing.T) {
	here := build(t, "..")
	t.Run("is the same bytes when the same sources are built elsewhere", func(t *testing.T) { sameBytesElsewhere(t, here) })
	t.Run("holds what it should", func(t *testing.T) { holdsWhatItShould(t, here) })
}

// build runs the build.sh of a checkout and returns the package's path.
func build(t *testing.T, root string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, "deb/build.sh"), t.TempDir())
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3", "SOURCE_DATE_EPOCH=1700000000")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("deb/build.sh: %v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// copySources copies what is under version control or would be, without its dates.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	names := output(t, "git", "-C", from, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for _, name := range strings.Split(strings.TrimSuffix(names, "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue // deleted in the work tree
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), read(t, filepath.Join(from, name)), info.Mode().Perm())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		write(t, path, []byte(got), 0o644)
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got; renew with -update):\n%s", path, diff)
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, mode); err != nil {
		t.Fatal(err)
	}
}

// The rollback is the package's own program: what waits for it must not outlive it.
func TestARemovalEndsWhatOnlyThePackageWouldEnd(t *testing.T) {
	const load = "firewall show\nfirewall load\n"
	for _, row := range []struct{ name, argument, shows, asked string }{
		{"nothing waits", "remove", "confirmed: lockdown (change-1) at now by root", "firewall show\n"},
		{"a change waits", "remove", "confirmed: nothing yet\npending: open (change-2) by root", load},
		{"an emergency is in force", "remove", "emergency: emergency-3: TCP [22]", load},
		{"an upgrade", "upgrade", "pending: open (change-2) by root", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			bin := t.TempDir()
			asked := filepath.Join(bin, "asked")
			for name, script := range map[string]string{
				"waddled":            `echo "$@" >>"` + asked + `"; [ "$2" = load ] || printf '` + row.shows + `\n'`,
				"deb-systemd-invoke": "exit 0",
			} {
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("sh", "files/prerm", row.argument)
			cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got, _ := os.ReadFile(asked); string(got) != row.asked {
				t.Errorf("waddled was asked for %q, want %q", got, row.asked)
			}
		})
	}
}

// Debian's nftables.service begins with "flush ruleset" and is ordered before
// network-pre.target as ours is: it must not come behind us and leave the host open.
func TestTheFirewallUnitComesAfterWhatFlushesAllRulesAndBeforeTheNetwork(t *testing.T) {
	unit, err := os.ReadFile("files/waddled-firewall.service")
	if err != nil {
		t.Fatal(err)
	}
	order := map[string][]string{}
	for line := range strings.Lines(string(unit)) {
		if key, units, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			order[key] = append(order[key], strings.Fields(units)...)
		}
	}
	for key, want := range map[string][]string{
		"After":               {"nftables.service", "netfilter-persistent.service"},
		"Before":              {"network-pre.target", "networking.service", "ifupdown2-pre.service", "systemd-networkd.service"},
		"DefaultDependencies": {"no"},
	} {
		for _, w := range want {
			if !slices.Contains(order[key], w) {
				t.Errorf("%s= does not name %s: %v", key, w, order[key])
			}
		}
	}
	if len(order["ExecStop"]) > 0 {
		t.Errorf("stopping the unit would run %v: a host must not be opened by that", order["ExecStop"])
	}
}
