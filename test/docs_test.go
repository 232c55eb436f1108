package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The track record's commands run tests that are there: `go test -run` of a
// name that nobody has says "ok".
func TestTheTrackRecordNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile("`go test \\./(\\S+) -run (\\S+)`").FindAllStringSubmatch(string(page), -1)
	if len(commands) == 0 {
		t.Fatal("no command was found in the page")
	}
	for _, c := range commands {
		dir, name := c[1], c[2]
		sources, err := filepath.Glob("../" + dir + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, path := range sources {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(source), "func "+name+"(t *testing.T)")
		}
		if !found {
			t.Errorf("%s has no test %s", dir, name)
		}
	}
}
