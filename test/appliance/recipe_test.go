package appliance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheImageIsNamedByItsRecipe(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "appliance")
	if err := os.CopyFS(filepath.Join(copied, "recipe"), os.DirFS("recipe")); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("build.sh")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "build.sh"), script, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WADDLE_CACHE", "/var/cache/waddle-test")
	here, there := where(t, "../appliance"), where(t, copied)
	if here != there {
		t.Errorf("the same recipe is %s here and %s elsewhere", here, there)
	}
	if filepath.Dir(here) != "/var/cache/waddle-test/appliance" {
		t.Errorf("the image is in %s, not in the cache that WADDLE_CACHE names", here)
	}
	if err := os.WriteFile(filepath.Join(copied, "recipe", "packages"), []byte("udev\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if where(t, copied) == there {
		t.Error("another recipe has the same image")
	}
}

func where(t *testing.T, folder string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(folder, "build.sh"), "--where").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestABuildThatCannotSucceedSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"not root":                           {"id() { echo 1000; }; host_needs_root", "run it once as root"},
		"a disk that is too small":           {"host_needs_space / 9999999", "free some or set WADDLE_CACHE to another disk"},
		"no Debian mirror in apt's lists":    {"apt-get() { echo 'Ubuntu|Ubuntu|x'; }; host_mirror", "set WADDLE_DEBIAN_MIRROR"},
		"a mirror that cannot be reached":    {"apt-get() { return 100; }; command() { [[ $2 == apt-get ]]; }; host_packages", "apt-get update failed; is the mirror in apt's sources reachable?"},
		"a bootstrap that finds no packages": {"mmdebstrap() { return 1; }; mirror=m security= suite=trixie; bootstrap --include=x folder", "is m reachable, and does it carry trixie?"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", ". recipe/host.sh; "+c.script)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "appliance: cannot build the image: ") || !strings.Contains(string(out), c.want) {
				t.Errorf("it ended with %v and said %q, want a failure with %q", err, out, c.want)
			}
		})
	}
}
