package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// stdio is what a process has.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// run is the whole program but for the exit. The first Ctrl-C ends ctx, so that
// a command can say what goes on without it; the second one ends the program.
func run(ctx context.Context, args []string, std stdio) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // from now on a signal does what it does by default
	}()
	a := &app{std: std, getenv: os.Getenv}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	return a.finish(ctx, root.ExecuteContext(ctx))
}
