package test

import (
	"bufio"
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/waddle-social/waddle/"

// arrow forbids packages below From to import packages below any of Not,
// except those below any of But.
type arrow struct {
	from   string
	not    []string
	but    []string
	reason string
}

var arrows = []arrow{
	{"pkg/", []string{"internal/", "client"}, nil, "a driver knows its part of the world and nothing of phases, the spec or HTTP"},
	{"pkg/zfs", []string{"pkg/"}, []string{"pkg/zfs"}, "no driver imports another"},
	{"pkg/iscsi", []string{"pkg/"}, []string{"pkg/iscsi"}, "no driver imports another"},
	{"pkg/netfw", []string{"pkg/"}, []string{"pkg/netfw"}, "no driver imports another"},
	{"pkg/vms", []string{"pkg/"}, []string{"pkg/vms"}, "no driver imports another"},
	{"internal/platform", []string{"internal/", "pkg/"}, []string{"internal/platform", "internal/problem"}, "the spec is pure: the thin CLI imports it"},
	{"internal/engine", []string{"internal/", "pkg/"}, []string{"internal/engine", "internal/problem", "internal/state"}, "the engine runs any graph of steps"},
	{"internal/phase", []string{"internal/server", "cmd/"}, nil, "arrows point one way: server, phase, engine"},
	{"client", []string{"internal/", "pkg/"}, []string{"internal/problem"}, "callers outside this module use the client"},
	{"cmd/waddle", []string{"internal/", "pkg/"}, []string{"internal/platform", "internal/problem", "cmd/waddle"}, "the CLI is thin: what it does, curl can do"},
	{"cmd/waddled", []string{"internal/lab"}, nil, "the lab is never part of the host's package"},
}

func TestArrowsBetweenPackagesPointOneWay(t *testing.T) {
	edges := imports(t)
	for _, a := range arrows {
		seen := false
		for pkg, deps := range edges {
			if !below(pkg, a.from) {
				continue
			}
			seen = true
			for _, dep := range deps {
				if belowAny(dep, a.not) && !belowAny(dep, a.but) {
					t.Errorf("%s imports %s: %s", pkg, dep, a.reason)
				}
			}
		}
		if !seen {
			t.Errorf("no package below %s: the rule guards nothing", a.from)
		}
	}
}

// imports lists, for each package of the module, the module's packages that
// its non-test code needs, directly or not.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	edges := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		pkg := strings.TrimPrefix(words[0], module)
		edges[pkg] = nil
		for _, dep := range words[1:] {
			if rest, ours := strings.CutPrefix(dep, module); ours {
				edges[pkg] = append(edges[pkg], rest)
			}
		}
	}
	return edges
}

func below(pkg, root string) bool {
	return pkg == strings.TrimSuffix(root, "/") || strings.HasPrefix(pkg, strings.TrimSuffix(root, "/")+"/")
}

func belowAny(pkg string, roots []string) bool {
	for _, r := range roots {
		if below(pkg, r) {
			return true
		}
	}
	return false
}
