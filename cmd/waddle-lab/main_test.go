package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/lab"
)

func TestMain(m *testing.M) {
	lab.ServeIfAsked()
	testscript.Main(leakFree{m}, map[string]func(){"waddle-lab": main})
}

// leakFree fails the tests when a goroutine is left.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScripts runs the whole program.
func TestScripts(t *testing.T) {
	needRoot(t)
	name := fmt.Sprintf("script%d", os.Getpid())
	t.Cleanup(func() { _ = lab.Down(context.Background(), name) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireUniqueNames: true, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LAB", name)
			return nil
		},
	})
}

// typeLine types a command line and returns what it printed and its exit code.
func typeLine(t *testing.T, line ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(context.Background(), line, &out, &errs)
	return out.String(), errs.String(), exitCode(err)
}

func needRoot(t *testing.T) {
	t.Helper()
	err := lab.Preflight(lab.Options{HandTyped: true})
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("this test needs a lab: %v", err)
	}
	if err != nil {
		t.Skipf("this test needs a lab: %v", err)
	}
}

func TestALabFromUpToDown(t *testing.T) {
	needRoot(t)
	name := fmt.Sprintf("clix%d", os.Getpid())
	t.Cleanup(func() { _ = lab.Down(context.Background(), name) })
	for _, step := range []struct {
		name   string
		line   []string
		code   int
		stdout string // is in it
		stderr string // is in it
	}{
		{"a lab that is not up says how to bring it up", []string{"exec", "--name", name, "host", "--", "true"}, 5, "", "run waddle-lab up --name " + name},
		{"up", []string{"up", "--name", name, "--hand-typed"}, 0, "lab " + name + " is up", ""},
		{"up again", []string{"up", "--name", name, "--hand-typed"}, 0, "is up already: using it", ""},
		{"up of another kind", []string{"up", "--name", name}, 5, "", "take it down first"},
		{"status", []string{"status", "--name", name}, 0, "hand-typed", ""},
		{"status of all", []string{"status"}, 0, name, ""},
		{"exec on the host", []string{"exec", "--name", name, "host", "--", "hostname"}, 0, "pve\n", ""},
		{"exec hands on the exit code and adds no words", []string{"exec", "--name", name, "scanner", "--", "sh", "-c", "exit 42"}, 42, "", ""},
		{"exec on a node that is not there names those that are", []string{"exec", "--name", name, "moon", "--", "true"}, 2, "", "there are host, internet, scanner"},
		{"the proof of a hand-typed host fails over IPv6", []string{"proof", "--name", name}, 5, "FAIL  from the scanner every TCP port of the host but 22 is closed, at 2001:db8:113::10", "the proof failed"},
		{"down", []string{"down", "--name", name}, 0, "lab " + name + " is down", ""},
		{"down again", []string{"down", "--name", name}, 0, "is down", ""},
		{"status after down", []string{"status", "--name", name}, 0, "down", ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			stdout, stderr, code := typeLine(t, step.line...)
			if code != step.code || !strings.Contains(stdout, step.stdout) || !strings.Contains(stderr, step.stderr) || (step.stderr == "" && stderr != "") {
				t.Errorf("%q: exit code %d (want %d)\n%s\n%s", step.line, code, step.code, stdout, stderr)
			}
		})
	}
}

func TestStatusAsJSONIsAList(t *testing.T) {
	needRoot(t)
	stdout, _, code := typeLine(t, "status", "--name", "neverup", "-o", "json")
	var all []lab.Status
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || code != 0 || len(all) != 1 || all[0].State != lab.StateDown {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
}

func TestAWrongCommandLineExitsWith2(t *testing.T) {
	for _, line := range [][]string{
		{"exec"}, {"exec", "host"}, {"down", "extra"}, {"status", "-o", "yaml"}, {"proof", "-o", "yaml"},
		{"up", "--no-such-flag"}, {"fault", "moon"}, {"fault", "--list", "--clear"}, {"fault", "crash", "teleport"}, {"fault", "api", "200"}, {"up", "--", "--flag-for-waddled"}, {"no-such-command"},
	} {
		if _, stderr, code := typeLine(t, line...); code != 2 || !strings.HasPrefix(stderr, "waddle-lab: ") {
			t.Errorf("%q: exit code %d, %s", line, code, stderr)
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range rootCommand().Commands() {
		if !c.Hidden && c.Name() != "completion" && c.Name() != "help" && (c.Example == "" || c.Short == "") {
			t.Errorf("%s has no example or no short text", c.Name())
		}
	}
}

func TestExitCodesAreThoseOfWaddle(t *testing.T) {
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	for want, err := range map[int]error{0: nil, 2: usageError{errors.New("x")}, 5: errors.New("x")} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	if got := exitCode(killed); got != 5 {
		t.Errorf("a command that was killed: %d, want 5", got)
	}
}
