package journey

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const waddledPath = "/run/.lab/bin/waddled"

// builtDir has what was built for all tests; TestMain makes it and takes it away.
var builtDir string

// The programs of the project, each built when the first test wants it.
var (
	waddledBuilt    = sync.OnceValues(func() (string, error) { return build("waddled", "../../cmd/waddled") })
	labWaddledBuilt = sync.OnceValues(func() (string, error) { return build("waddled-lab", "-tags", "lab", "../../cmd/waddled") })
	waddleBuilt     = sync.OnceValues(func() (string, error) { return build("waddle", "../../cmd/waddle") })
)

func build(name string, args ...string) (string, error) {
	path := filepath.Join(builtDir, name)
	cmd := exec.Command("go", append([]string{"build", "-o", path}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot %s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return path, nil
}

// built is the path of a program that was built, or is now.
func built(t *testing.T, program func() (string, error)) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// installWaddled puts the real daemon on the host.
func (h *host) installWaddled() {
	h.t.Helper()
	h.run("mkdir -p " + filepath.Dir(waddledPath))
	if err := h.Host.WriteFile(waddledPath, read(h.t, built(h.t, waddledBuilt)), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// startWaddled starts the real daemon, which can arm the rollback of a firewall
// change: that is a process of the same program. It has the lab's stand-ins for
// ZFS and the iSCSI target.
func (h *host) startWaddled(env ...string) {
	h.t.Helper()
	if err := h.StartDaemon(h.t.Context(), built(h.t, labWaddledBuilt), []string{"serve", "--verbose"}, env); err != nil {
		h.t.Fatal(err)
	}
}
