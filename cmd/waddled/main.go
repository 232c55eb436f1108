// Command waddled is the daemon on the Proxmox VE host.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/waddle-social/waddle/internal/problem"
)

// version is set at build time from the tag.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		complain(os.Stderr, err)
		stop()
		os.Exit(1)
	}
}

// complain writes what is wrong and what to do about it.
func complain(w io.Writer, err error) {
	fmt.Fprintf(w, "waddled: %v\n", err)
	if p := problem.From(err); p.Code != problem.Internal && p.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", p.Hint)
	}
}
