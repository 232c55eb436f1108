// Command waddle is the thin client of waddled's REST API: it shows what the
// daemon knows, asks a person what has to be asked, and hands the rest on.
//
// It imports the client and, of internal/, only packages without I/O; a test
// guards that. On the host it touches nothing but its own configuration file.
package main

import (
	"context"
	"os"
)

//go:generate go test -run TestTheReferencePageIsNotStale -update .

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
