package view

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Printable replaces what a text from elsewhere could command the terminal with.
// Tabs and line ends stay.
func Printable(t string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || (r >= 0x7f && r < 0xa0) {
			return '?'
		}
		return r
	}, t)
}

// Columns lays rows out in columns. A cell is never cut, so that copying a value
// out of a table works.
func Columns(rows ...[]string) string {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(Printable(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = Printable(cell)
			line.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// indented puts every line of a text behind a margin.
func indented(margin, text string) string {
	return margin + strings.ReplaceAll(strings.TrimRight(Printable(text), "\n"), "\n", "\n"+margin) + "\n"
}

// count is "1 step", "3 steps".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
