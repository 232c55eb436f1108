package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/waddle-social/waddle/internal/platform"
)

const root = "../../.."

func TestGeneratedFilesAreNotStale(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./internal/platform", name)
		}
	}
}

func TestEveryKeyIsOnThePage(t *testing.T) {
	words, err := comments(filepath.Join(root, "internal/platform"))
	if err != nil {
		t.Fatal(err)
	}
	text := page(words)
	for _, e := range platform.Entries() {
		_, key := cut(e.Path)
		if !bytes.Contains(text, []byte("| `"+key+"` |")) {
			t.Errorf("%s is missing", e.Path)
		}
	}
	if len(platform.Entries()) < 150 {
		t.Errorf("the reference has only %d keys", len(platform.Entries()))
	}
}

func TestAKeyWithoutACommentIsFound(t *testing.T) {
	if _, err := comments(t.TempDir()); err == nil {
		t.Error("no error for a package without comments")
	}
}
