package live

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
)

// Board is the state of an operation as a terminal shows it. It does no I/O: it
// says what to write once and what to redraw.
type Board struct {
	style   console.Style
	started time.Time
	order   []string
	steps   map[string]Step
	printed map[string]bool
}

// NewBoard returns an empty board of an operation that started at the given time.
func NewBoard(style console.Style, started time.Time) *Board {
	return &Board{style: style, started: started, steps: map[string]Step{}, printed: map[string]bool{}}
}

// Set updates a step; a step is shown in the order in which it was first set.
func (b *Board) Set(s Step) {
	if _, known := b.steps[s.ID]; !known {
		b.order = append(b.order, s.ID)
	}
	b.steps[s.ID] = s
}

// Get returns what is known of a step.
func (b *Board) Get(id string) (Step, bool) {
	s, ok := b.steps[id]
	return s, ok
}

// Finished returns the lines of the steps that came to an end since it was last
// called.
func (b *Board) Finished(width int) []string {
	var lines []string
	for _, id := range b.order {
		s := b.steps[id]
		if !Final(s.State) || b.printed[id] {
			continue
		}
		b.printed[id] = true
		lines = append(lines, b.finished(s, width)...)
	}
	return lines
}

func (b *Board) finished(s Step, width int) []string {
	mark, paint := symbol(s.State, b.style)
	line := b.line(paint(mark), s.Title, s.took(), width)
	if s.Message == "" || s.State == "changed" || s.State == "unchanged" {
		return []string{line}
	}
	return []string{line, "    " + b.style.Dim(clip(s.Message, math.MaxInt))} // a reason is never cut: the terminal wraps it
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// Running returns the lines that are redrawn: the running steps and a summary.
func (b *Board) Running(now time.Time, width int) []string {
	turn := spinner[int(now.UnixMilli()/100)%len(spinner)]
	var lines []string
	ended := 0
	for _, id := range b.order {
		s := b.steps[id]
		if Final(s.State) {
			ended++
		}
		if s.State != "running" {
			continue
		}
		lines = append(lines, b.line(b.style.Info(turn), s.Title, duration(now.Sub(s.Started)), width))
		if detail := b.detail(s, width); detail != "" {
			lines = append(lines, "    "+detail)
		}
	}
	summary := fmt.Sprintf("%d of %d steps, %s", ended, len(b.order), duration(now.Sub(b.started)))
	return append(lines, b.style.Dim(clip(summary, width)))
}

// detail is what a running step reports: a bar where it knows how far it is.
func (b *Board) detail(s Step, width int) string {
	if s.Total <= 0 {
		text := s.Message
		if s.Done > 0 {
			text = strings.TrimSpace(text + " " + amount(s.Done, 0, s.Unit))
		}
		return b.style.Dim(clip(text, width-4))
	}
	const cells = 24
	if width < cells+16 { // no room for a bar
		return b.style.Dim(clip(amount(s.Done, s.Total, s.Unit), width-4))
	}
	full := int(min(max(s.Done, 0), s.Total) * cells / s.Total)
	bar := strings.Repeat("█", full) + strings.Repeat("░", cells-full)
	text := amount(s.Done, s.Total, s.Unit)
	if s.Message != "" {
		text += "  " + s.Message
	}
	return b.style.Info(bar) + " " + clip(text, width-4-cells-1)
}

// line is one step: mark, title, duration at the right edge.
func (b *Board) line(mark, title, took string, width int) string {
	room := width - 2 - 2 - 1 - 6 // indent, mark, space, duration
	title = clip(title, room)
	pad := max(room-utf8.RuneCountInString(title), 0)
	return strings.TrimRight(fmt.Sprintf("  %s %s%s %6s", mark, title, strings.Repeat(" ", pad), took), " ")
}

// symbol is the mark of a state and its colour.
func symbol(state string, st console.Style) (string, func(string) string) {
	switch state {
	case "changed":
		return "✓", st.Good
	case "unchanged":
		return "·", st.Dim
	case "failed":
		return "✗", st.Bad
	case "gate":
		return "=", st.Warn
	case "skipped":
		return "-", st.Warn
	}
	return " ", st.Dim
}

// clip cuts t to at most width columns. A cut is visible. Control characters,
// with which a message could move the cursor, become spaces.
func clip(t string, width int) string {
	t = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, t)
	switch {
	case utf8.RuneCountInString(t) <= width:
		return t
	case width < 1:
		return ""
	}
	return string([]rune(t)[:width-1]) + "…"
}
