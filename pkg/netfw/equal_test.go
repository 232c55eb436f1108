package netfw

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func equal(t testing.TB, what, want, got string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s (-want +got):\n%s", what, d)
	}
}
