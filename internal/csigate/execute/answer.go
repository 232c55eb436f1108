package execute

import (
	"context"
	"errors"
	"fmt"

	"github.com/waddle-social/waddle/internal/csigate/grammar"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// Answer is what a command leaves, as a process would.
type Answer struct {
	Stdout []byte
	Stderr []byte
	Code   int
	// Err is why the command was refused or failed here; nil when it was run to
	// its end, whatever zfs said.
	Err error
}

func said(stdout string) Answer { return Answer{Stdout: []byte(stdout)} }

// failed is the answer to a command that was not run, or not to its end.
func failed(err error) Answer {
	return Answer{Stderr: []byte(sentence(err) + "\n"), Code: 1, Err: err}
}

// sentence is what the driver gets to read. zfs's own words stay as they are,
// because it acts on them; ours must not look like them.
func sentence(err error) string {
	var z *zfs.Error
	switch {
	case errors.As(err, &z) && z.Kind != zfs.ErrShrink && z.Kind != zfs.ErrInvalid:
		return z.Text
	case grammar.IsRefusal(err):
		return err.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrStopped):
		return grammar.Neutral(fmt.Sprintf("waddled stopped this: %v; try again", err))
	}
	return grammar.Neutral("waddled: " + err.Error())
}

// onStdout moves the texts to stdout: the driver reports a failed targetcli by
// its stdout.
func (a Answer) onStdout() Answer {
	a.Stdout, a.Stderr = append(a.Stdout, a.Stderr...), nil
	return a
}

// ErrStopped is the cause of a context that ended because waddled is stopping.
var ErrStopped = errors.New("waddled is stopping")
