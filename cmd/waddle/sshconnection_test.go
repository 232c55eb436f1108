package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

const connection = "192.0.2.10 51234 203.0.113.10 22"

// TestSudoDoesNotHideTheConnection builds a /proc in which this process' parent
// is sudo, which has no SSH_CONNECTION, and its parent a login shell that has.
func TestSudoDoesNotHideTheConnection(t *testing.T) {
	proc := t.TempDir()
	process(t, proc, os.Getppid(), "(sudo) S 4242 1", "PATH=/bin\x00")
	process(t, proc, 4242, "(a (bad) name) S 1 1", "HOME=/root\x00SSH_CONNECTION="+connection+"\x00")
	none := func(string) string { return "" }
	if got := sshConnection(none, proc); got != connection {
		t.Errorf("got %q, want %q", got, connection)
	}
	own := func(string) string { return "own" }
	if got := sshConnection(own, proc); got != "own" {
		t.Errorf("got %q, want the process' own", got)
	}
}

func TestOnTheConsoleThereIsNoConnection(t *testing.T) {
	none := func(string) string { return "" }
	for name, parent := range map[string]int{"the last parent is init": 1, "a parent is its own parent": os.Getppid(), "a parent is gone": 99999} {
		proc := t.TempDir()
		process(t, proc, os.Getppid(), fmt.Sprintf("(getty) S %d 1", parent), "TERM=linux\x00")
		if got := sshConnection(none, proc); got != "" {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}

func process(t *testing.T, proc string, pid int, stat, environ string) {
	t.Helper()
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"stat": fmt.Sprintf("%d %s", pid, stat), "environ": environ} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
