package appliance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// run fails the test when the command does not end with status 0.
func run(t *testing.T, vm *VM, line string) string {
	t.Helper()
	out, err := vm.Run(t.Context(), line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually waits until the command ends with status 0 and returns what it said
// then. It gives up when Run does.
func eventually(t *testing.T, vm *VM, line string) string {
	t.Helper()
	out, err := vm.Run(t.Context(), fmt.Sprintf("until said=$(%s 2>&1); do echo \"$said\" >/run/appliance-said; sleep 0.2; done; echo \"$said\"", line))
	if err != nil {
		said, _ := vm.Run(t.Context(), "cat /run/appliance-said")
		t.Fatalf("%v; the last time it said: %s", err, said)
	}
	return out
}

// packages are built once for all tests, each version one package.
var packages = struct {
	mu    sync.Mutex
	dir   string
	built map[string]string
}{built: map[string]string{}}

func TestMain(m *testing.M) {
	code := m.Run()
	if packages.dir != "" {
		if err := os.RemoveAll(packages.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// buildPackage returns the path of this checkout's .deb.
func buildPackage(t *testing.T, version string) string {
	t.Helper()
	packages.mu.Lock()
	defer packages.mu.Unlock()
	if path := packages.built[version]; path != "" {
		return path
	}
	if packages.dir == "" {
		dir, err := os.MkdirTemp("", "waddle-packages-")
		if err != nil {
			t.Fatal(err)
		}
		packages.dir = dir
	}
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), filepath.Join(root, "deb/build.sh"), filepath.Join(packages.dir, version))
	build.Env = append(os.Environ(), "VERSION="+version)
	build.Stderr = t.Output()
	out, err := build.Output()
	if err != nil {
		t.Fatalf("deb/build.sh: %v", err)
	}
	packages.built[version] = strings.TrimSpace(string(out))
	return packages.built[version]
}

// copyPackage puts this checkout's .deb into the guest.
func copyPackage(t *testing.T, vm *VM, version string) (guestPath string) {
	t.Helper()
	guestPath = "/root/" + version + ".deb"
	if err := vm.Copy(t.Context(), buildPackage(t, version), guestPath); err != nil {
		t.Fatal(err)
	}
	return guestPath
}
