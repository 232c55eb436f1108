package journey

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// block is a fenced block of commands in a page of the documentation. The word
// behind "sh" says where its commands run:
//
//	sh lab        on the lab's host, by this test
//	sh real-host  on a Proxmox VE host only
//	sh make       make targets, which CI runs
//	sh script     docs/ci-example.sh, which another test runs
//	sh            an example in docs/cli.md; its flags are checked
type block struct {
	page  string
	line  int
	where string
	text  string
}

const (
	docsDir = "../../docs"
	cliPage = "cli.md"
)

func TestEveryCommandInTheDocumentationRuns(t *testing.T) {
	needsRoot(t)
	waddle := built(t, waddleBuilt)
	ran, real := 0, 0
	for _, page := range pages(t) {
		blocks := blocksOf(t, page)
		t.Run(filepath.Base(page), func(t *testing.T) {
			var h *host
			for _, b := range blocks {
				switch b.where {
				case "real-host":
					real++
				case "script":
				case "make":
					b.checkTargets(t)
				case "lab":
					if h == nil {
						h = newDocsHost(t, filepath.Base(page), waddle)
					}
					if out, err := h.Host.Run(t.Context(), "sh", "-euc", "cd /root; PATH=/run/.lab/bin:$PATH; "+b.text); err != nil {
						t.Fatalf("%s:%d: %v\n%s", b.page, b.line, err, out)
					}
					ran++
				case "example":
					ran += b.checkFlags(t, waddle)
				default:
					t.Errorf("%s:%d: a block for %q: say where its commands run", b.page, b.line, b.where)
				}
			}
		})
	}
	fmt.Printf("docs: %d blocks and examples run, %d marked as for a real host\n", ran, real)
	if ran == 0 {
		t.Error("no command was run")
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(docsDir + "/*.md")
	if err != nil || len(list) == 0 {
		t.Fatalf("no pages in %s: %v", docsDir, err)
	}
	return append(list, "../../README.md", "../../CONTRIBUTING.md")
}

func blocksOf(t *testing.T, page string) (blocks []block) {
	t.Helper()
	file, err := os.Open(page)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var open *block
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		info, fence := strings.CutPrefix(lines.Text(), "```")
		switch {
		case fence && open != nil:
			blocks = append(blocks, *open)
			open = nil
		case fence && (info == "sh" || strings.HasPrefix(info, "sh ")):
			where := strings.TrimSpace(strings.TrimPrefix(info, "sh"))
			if where == "" && filepath.Base(page) == cliPage {
				where = "example"
			}
			open = &block{page: page, line: n, where: where}
		case fence:
			open = &block{page: page, line: n, where: "not commands"}
		case open != nil:
			open.text += lines.Text() + "\n"
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	commands := blocks[:0]
	for _, b := range blocks {
		if b.where != "not commands" {
			commands = append(commands, b)
		}
	}
	return commands
}

// newDocsHost is the host that the page talks about: a fresh one for the first
// day, otherwise one with phases 0 and 1 applied.
func newDocsHost(t *testing.T, page, waddle string) *host {
	t.Helper()
	h := newHost(t, lab.Options{Name: "docs"})
	h.run("mkdir -p /run/.lab/bin")
	binary, err := os.ReadFile(waddle)
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{"/run/.lab/bin/waddle": binary, "/root/platform.yaml": document} {
		if err := h.Host.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.startWaddled()
	if page != "quickstart.md" {
		h.setExample()
		h.apply(client.ApplyRequest{})
	}
	return h
}

// checkTargets demands that make knows what the block has it do.
func (b block) checkTargets(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(b.text) {
		command, _, _ := strings.Cut(line, "#")
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		if words[0] != "make" {
			t.Errorf("%s:%d: %q is no call of make", b.page, b.line, line)
			continue
		}
		dry := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "-C", "../.."}, words[1:]...)...)
		if out, err := dry.CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %s: %v\n%s", b.page, b.line, strings.TrimSpace(line), err, out)
		}
	}
}

// checkFlags demands that waddle knows the commands and flags of an example.
// What the commands do is run in the other pages and in cmd/waddle's scripts.
func (b block) checkFlags(t *testing.T, waddle string) (n int) {
	t.Helper()
	for line := range strings.Lines(b.text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "waddle" {
			continue
		}
		n++
		cmd := exec.CommandContext(t.Context(), "sh", "-c", waddle+` "$@" --help >/dev/null`, "sh")
		cmd.Args = append(cmd.Args, upToShell(words[1:])...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %s: %v\n%s", b.page, b.line, strings.TrimSpace(line), err, out)
		}
	}
	return n
}

// upToShell leaves out what the shell would do with the output, and comments.
func upToShell(words []string) []string {
	for i, w := range words {
		if w == "|" || w == "||" || w == "&&" || strings.HasPrefix(w, ">") || strings.HasPrefix(w, "<") || strings.HasPrefix(w, "#") {
			return words[:i]
		}
	}
	return words
}
