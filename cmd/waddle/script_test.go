package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files anew")

// raceOptions let a program that was built with -race end at once: by default it
// sleeps for a second.
const raceOptions = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"waddle": main})
}

// TestScripts runs the whole program against a daemon that answers with files.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			socket := filepath.Join(e.WorkDir, "s")
			e.Setenv("WADDLE_SERVER", "unix://"+socket)
			e.Setenv("WADDLE_CONFIG", filepath.Join(e.WorkDir, "config.yaml"))
			e.Setenv("SSH_CONNECTION", "192.0.2.10 51234 203.0.113.10 22")
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", raceOptions)
			e.Values[fakeKey{}] = &held{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"daemon": daemonCommand, "rc": rcCommand},
	})
}

// fakeKey is where a script keeps its daemon.
type fakeKey struct{}

type held struct{ daemon *fakeDaemon }

// daemonCommand is "daemon start DIR", and "daemon stop [FILE]", which fails when
// anything was not as the contract says, and writes the requests into FILE.
func daemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: daemon start DIR | daemon stop [FILE]")
	}
	kept := ts.Value(fakeKey{}).(*held)
	switch args[0] {
	case "start":
		f, err := startFake(ts.MkAbs(args[1]), ts.MkAbs("s"))
		ts.Check(err)
		kept.daemon = f
		ts.Defer(func() { f.stop() })
	case "stop":
		f := kept.daemon
		if f == nil {
			ts.Fatalf("no daemon was started")
		}
		if faults := f.stop(); len(faults) > 0 {
			ts.Fatalf("not as the contract says:\n%s", strings.Join(faults, "\n"))
		}
		if len(args) > 1 {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(f.requests()), 0o644))
		}
	default:
		ts.Fatalf("daemon %s is not known", args[0])
	}
}

// rcCommand is "rc CODE COMMAND…": it runs the command and fails unless it exits
// with exactly that code.
func rcCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: rc CODE COMMAND ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(fmt.Sprint(err), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}
