package lab

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	ServeIfAsked()
	upAndDieIfAsked()
	goleak.VerifyTestMain(m)
}

// needRoot skips where a lab cannot be, and fails instead in CI.
func needRoot(t *testing.T) {
	t.Helper()
	err := Preflight(Options{HandTyped: true})
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("this test needs a lab: %v", err)
	}
	t.Skipf("this test needs a lab: %v", err)
}

// unique makes a lab's name that no other run of the tests has.
func unique(name string) string { return fmt.Sprintf("%sx%d", name, os.Getpid()) }

// startLab brings a lab up for one test and takes it down after.
func startLab(t *testing.T, o Options) *Lab {
	t.Helper()
	needRoot(t)
	o.Name = unique(o.Name)
	o.Log = func(line string) { t.Log(line) }
	l, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Down(context.Background(), o.Name); err != nil {
			t.Error(err)
		}
	})
	return l
}
