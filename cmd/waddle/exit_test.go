package main

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

// exits says for every problem code which exit code stands for it.
var exits = map[problem.Code]int{
	problem.InvalidRequest:     exitUsage,
	problem.InvalidPlatform:    exitUsage,
	problem.NotFound:           exitUsage,
	problem.MethodNotAllowed:   exitUsage,
	problem.PreconditionNeeded: exitUsage,
	problem.IdempotencyReused:  exitUsage,
	problem.TooLarge:           exitUsage,
	problem.UnsupportedMedia:   exitUsage,
	problem.Forbidden:          exitRefused,
	problem.Conflict:           exitRefused,
	problem.OperationRunning:   exitRefused,
	problem.AdoptionNeeded:     exitRefused,
	problem.WouldCutConnection: exitRefused,
	problem.NoPlatform:         exitRefused,
	problem.GateNotOpen:        exitRefused,
	problem.NeedsNotDone:       exitRefused,
	problem.NotUndoable:        exitRefused,
	problem.InUse:              exitRefused,
	problem.NoSpace:            exitRefused,
	problem.PreconditionFailed: exitRefused,
	problem.HostUnsuitable:     exitRefused,
	problem.ChangePending:      exitRefused,
	problem.NothingPending:     exitRefused,
	problem.ProofNeeded:        exitRefused,
	problem.RulesDamaged:       exitFailed,
	problem.Unauthenticated:    exitUnauthenticated,
	problem.TooManyAttempts:    exitUnauthenticated,
	problem.Unavailable:        exitUnreachable,
	problem.StateUnusable:      exitFailed,
	problem.Interrupted:        exitFailed,
	problem.NotSettled:         exitFailed,
	problem.Internal:           exitError,
}

func TestEveryProblemCodeHasAnExitCode(t *testing.T) {
	for _, code := range declaredCodes(t) {
		want, ok := exits[code]
		if !ok {
			t.Errorf("problem code %s has no row in this table", code)
			continue
		}
		if got := exitOf(code); got != want {
			t.Errorf("%s ends with %d, want %d", code, got, want)
		}
	}
}

// declaredCodes reads the constants out of the source, so that a new one cannot
// be forgotten.
func declaredCodes(t *testing.T) []problem.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/problem/problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []problem.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Code" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, problem.Code(text))
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("only %d codes were found: the source is not read right", len(codes))
	}
	return codes
}

// TestAProblemFromTheDaemonReachesThePerson sends every code that a plan may be
// answered with through the whole program.
func TestAProblemFromTheDaemonReachesThePerson(t *testing.T) {
	for _, code := range []problem.Code{
		problem.InvalidRequest, problem.Unauthenticated, problem.Forbidden, problem.NoPlatform, problem.InvalidPlatform,
		problem.TooManyAttempts, problem.Unavailable, problem.Internal,
	} {
		t.Run(string(code), func(t *testing.T) {
			dir := t.TempDir()
			answer := fmt.Sprintf("problem %s\nthe detail of %s\nwhat to do", code, code)
			if err := os.WriteFile(filepath.Join(dir, "GET_v1_plan"), []byte(answer), 0o600); err != nil {
				t.Fatal(err)
			}
			socket := filepath.Join(dir, "s")
			f, err := startFake(dir, socket)
			if err != nil {
				t.Fatal(err)
			}
			var out, errOut bytes.Buffer
			got := run(context.Background(), []string{"plan", "--server", "unix://" + socket}, stdio{in: strings.NewReader(""), out: &out, err: &errOut})
			if faults := f.stop(); len(faults) > 0 {
				t.Error(faults)
			}
			if got != exits[code] {
				t.Errorf("exit code %d, want %d", got, exits[code])
			}
			want := fmt.Sprintf("error: the detail of %s\nhint: what to do\n", code)
			if errOut.String() != want || out.Len() > 0 {
				t.Errorf("error output %q, want %q; output %q, want none", &errOut, want, &out)
			}
		})
	}
}
