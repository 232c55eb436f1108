package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// The codes of failures that never reach the daemon, beside those of
// internal/problem.
const (
	codeUsage       problem.Code = "usage"
	codeUnreachable problem.Code = "unreachable"
	codeInterrupted problem.Code = "interrupted"
	codeGate        problem.Code = "gate"
	codeFailed      problem.Code = "operation_failed"
	codeDeclined    problem.Code = "declined"
)

// failure is an error with the exit code that it ends the program with.
type failure struct {
	exit    int
	problem *problem.Error
	raw     []byte // the daemon's own problem object, when it sent one
}

func (f *failure) Error() string {
	if f.problem == nil {
		return fmt.Sprintf("exit code %d", f.exit)
	}
	return f.problem.Error()
}

func (f *failure) Unwrap() error {
	if f.problem == nil {
		return nil
	}
	return f.problem
}

// usagef is the failure of somebody who typed something wrong.
func usagef(hint, format string, args ...any) error {
	return &failure{exit: exitUsage, problem: problem.New(codeUsage, hint, format, args...)}
}

// silent ends the program with a code and says nothing: all has been said.
func silent(exit int) error { return &failure{exit: exit} }

// finish writes what went wrong and returns the exit code.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		return exitDone
	}
	f := a.classify(ctx, err)
	if f.problem != nil {
		a.report(f)
	}
	return f.exit
}

// classify finds the exit code of an error.
func (a *app) classify(ctx context.Context, err error) *failure {
	var f *failure
	var p *problem.Error
	var far *client.UnreachableError
	switch {
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return &failure{exit: exitInterrupted} // whoever typed Ctrl-C knows
	case errors.As(err, &far), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return unreachable(err, a.flags.timeout)
	case errors.As(err, &p):
		return &failure{exit: exitOf(p.Code), problem: p}
	}
	if sent, ok := client.AsProblem(err); ok {
		return refused(sent)
	}
	if !a.parsed { // cobra's own errors: unknown command, flag or argument
		return &failure{exit: exitUsage, problem: problem.New(codeUsage, "waddle --help lists the commands, waddle COMMAND --help the flags", "%s", err.Error())}
	}
	return &failure{exit: exitError, problem: &problem.Error{Code: problem.Internal, Detail: err.Error(), Err: err}}
}

// report writes a failure to the error output: for a person the sentence, every
// single fault on a line of its own and what to do; for a script the object.
func (a *app) report(f *failure) {
	con := a.console()
	if a.flags.output == outJSON {
		fmt.Fprintln(con.Err, string(f.object()))
		return
	}
	p := f.problem
	fmt.Fprintf(con.Err, "%s %s\n", con.ErrStyle.Bad("error:"), view.Printable(headline(p)))
	for _, line := range faults(p) {
		fmt.Fprintf(con.Err, "  %s\n", view.Printable(line))
	}
	if p.Hint != "" {
		fmt.Fprintf(con.Err, "%s %s\n", con.ErrStyle.Info("hint:"), view.Printable(p.Hint))
	}
}

// object is the failure as RFC 9457 has it.
func (f *failure) object() []byte {
	if len(f.raw) > 0 && json.Valid(f.raw) {
		return f.raw
	}
	p := f.problem
	out, err := json.Marshal(struct {
		Type   string          `json:"type"`
		Title  string          `json:"title"`
		Code   problem.Code    `json:"code"`
		Detail string          `json:"detail"`
		Hint   string          `json:"hint,omitempty"`
		Fields []problem.Field `json:"fields,omitempty"`
		Others []string        `json:"others,omitempty"`
	}{"about:blank", strings.ReplaceAll(string(p.Code), "_", " "), p.Code, p.Detail, p.Hint, p.Fields, p.Others})
	if err != nil {
		return []byte(`{"code":"internal"}`)
	}
	return out
}

// headline is the detail, unless that only lists the fields once more.
func headline(p *problem.Error) string {
	if !listsFields(p) {
		return p.Detail
	}
	if n := strings.Count(p.Detail, "\n") + 1; n > 1 {
		return fmt.Sprintf("%d things are wrong:", n)
	}
	return "one thing is wrong:"
}

// faults are the single faults, file:line:column: path: what is wrong; allowed: …
func faults(p *problem.Error) []string {
	if listsFields(p) {
		return strings.Split(p.Detail, "\n")
	}
	var lines []string
	for _, field := range p.Fields {
		lines = append(lines, platform.Line(field))
	}
	return lines
}

func listsFields(p *problem.Error) bool {
	return len(p.Fields) > 0 && strings.HasPrefix(p.Detail, platform.Line(p.Fields[0]))
}
