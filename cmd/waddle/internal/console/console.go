package console

import (
	"bufio"
	"io"
	"os"

	"golang.org/x/term"
)

// Console is where a command reads from and writes to.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Style    Style // for Out
	ErrStyle Style // for Err

	lines *bufio.Reader
}

// New returns a console. Colour is used where the stream is a terminal, unless
// noColour, NO_COLOR (no-color.org) or TERM=dumb say otherwise.
func New(in io.Reader, out, err io.Writer, noColour bool, getenv func(string) string) *Console {
	plain := noColour || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb"
	return &Console{
		In: in, Out: out, Err: err,
		Style:    Style{on: !plain && isTerminal(out)},
		ErrStyle: Style{on: !plain && isTerminal(err)},
		lines:    bufio.NewReader(in),
	}
}

// Interactive reports whether a person can be asked: input and error output are
// terminals. Output may go into a file all the same.
func (c *Console) Interactive() bool { return isTerminal(c.In) && isTerminal(c.Err) }

// OutIsTerminal reports whether a person reads the output.
func (c *Console) OutIsTerminal() bool { return isTerminal(c.Out) }

// ErrIsTerminal reports whether a person reads the error output.
func (c *Console) ErrIsTerminal() bool { return isTerminal(c.Err) }

// Size returns the columns and rows of the terminal that w is, 80 by 24 when it
// is none or does not tell.
func Size(w any) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns >= 20 && rows >= 3 {
			return columns, rows
		}
	}
	return 80, 24
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
