package platform_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

// separator stands between a bad document and what is expected of it.
const separator = "\n-----\n"

// Each file in testdata/bad is a document, a line of dashes, and every error
// that an operator sees for it, with the source lines.
func TestBadDocuments(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 60 {
		t.Fatalf("there are only %d bad documents", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(strings.ReplaceAll(name, "-", " "), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, found := strings.Cut(string(raw), separator)
			if !found {
				t.Fatalf("%s has no line of dashes", file)
			}
			p, err := platform.Parse("platform.yaml", []byte(input+"\n"))
			if err == nil || p != nil {
				t.Fatalf("%s was accepted", file)
			}
			got := shown(t, err)
			if *update {
				if err := os.WriteFile(file, []byte(input+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	t.Logf("%d bad documents", len(files))
}

// shown is the error as an operator sees it, and checks its form on the way.
func shown(t *testing.T, err error) string {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.InvalidPlatform || p.Hint == "" {
		t.Fatalf("%v is not a problem with the code invalid_platform and a hint", err)
	}
	var b strings.Builder
	var lines []string
	for _, f := range p.Fields {
		lines = append(lines, platform.Line(f))
		b.WriteString(platform.Line(f) + "\n")
		if f.Source != "" {
			b.WriteString("    | " + f.Source + "\n")
		}
		if f.Message == "" || f.Allowed == "" || strings.Contains(f.Message, "{other}") {
			t.Errorf("%+v does not say what is wrong and what is allowed", f)
		}
	}
	if !strings.HasPrefix(p.Detail, strings.Join(lines, "\n")) {
		t.Errorf("the error's text is not its lines:\n%s", p.Detail)
	}
	return b.String()
}
