package lio_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/lio"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What the two kinds of target look like in configfs, whole.
func TestTheTreeOfATarget(t *testing.T) {
	ctx := context.Background()
	l := newLab(t, 3, lio.Options{})
	c := l.client(t)
	plain := l.target(t, c, "pvc-0a1b", 2)
	if _, err := c.Ensure(ctx, plain); err != nil {
		t.Fatal(err)
	}
	golden(t, "democratic-csi.txt", strings.ReplaceAll(l.String(), l.devices, "/dev/zvol/rpool/k8s-csi/v"))
	if err := c.Delete(ctx, plain.IQN, false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ensure(ctx, l.rich(t, c)); err != nil {
		t.Fatal(err)
	}
	golden(t, "acl-chap-two-luns.txt", strings.ReplaceAll(l.String(), l.devices, "/dev/zvol/rpool/k8s-csi/v"))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run with -update to make it)", err)
	}
	if got != string(want) {
		t.Fatalf("%s differs:\n%s\nwant\n%s", name, got, want)
	}
}
