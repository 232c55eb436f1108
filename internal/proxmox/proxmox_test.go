package proxmox_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

var update = flag.Bool("update", false, "write the table in docs/proxmox.md")

const page, begin, end = "../../docs/proxmox.md", "<!-- privileges: generated, go test ./internal/proxmox -update -->\n", "<!-- /privileges -->"

func TestThePrivilegesInTheDocumentationAreThoseThatAreGranted(t *testing.T) {
	table := "| on | privilege | for |\n| --- | --- | --- |\n"
	for _, p := range proxmox.Privileges() {
		table += fmt.Sprintf("| `%s` | %s | %s |\n", p.Path, p.Name, p.For)
	}
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), begin)
	is, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if is != table {
		t.Errorf("%s has\n%swant\n%s", page, is, table)
	}
}

// What the drivers' own tests take away one by one is what is granted, no more and no less.
func TestWhatIsGrantedIsWhatTheDriversNeed(t *testing.T) {
	want := map[string]bool{}
	for _, p := range vms.Privileges() {
		if !p.Beside {
			want[p.Path+" "+p.Name] = true
		}
	}
	for _, p := range images.Privileges() {
		want[p.Path+" "+p.Name] = true
	}
	got := 0
	for _, g := range proxmox.Grants() {
		if !slices.IsSorted(g.Privileges) || g.Path == "/" {
			t.Errorf("%s: %v", g.Path, g.Privileges)
		}
		for _, p := range g.Privileges {
			if got++; !want[g.Path+" "+p] {
				t.Errorf("%s on %s is granted, and nothing needs it", p, g.Path)
			}
		}
	}
	if got != len(want) {
		t.Errorf("%d privileges are granted, %d are needed", got, len(want))
	}
}
