package live

import (
	"fmt"
	"io"
	"strings"
)

// Screen redraws the last lines of a terminal in place.
type Screen struct {
	w     io.Writer
	drawn int // lines below the cursor's home that the next Draw replaces
}

// NewScreen returns a screen on w, which is a terminal.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// Draw writes keep for good and then below it the lines that the next call
// replaces, at most height-1 of them: what has scrolled off cannot be redrawn. All
// of it is one write, so that nothing flickers.
func (s *Screen) Draw(keep, below []string, height int) error {
	if over := len(below) - max(height-1, 1); over > 0 {
		below = below[over:] // the summary is the last one
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	b.WriteString("\r\x1b[J") // erase from here to the end of the screen
	for _, l := range append(append([]string{}, keep...), below...) {
		b.WriteString(l)
		b.WriteString("\r\n")
	}
	s.drawn = len(below)
	_, err := io.WriteString(s.w, b.String())
	return err
}
