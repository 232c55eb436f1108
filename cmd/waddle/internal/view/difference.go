package view

import (
	"strings"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
	"github.com/waddle-social/waddle/cmd/waddle/internal/diff"
)

// mark is the sign of a kind of difference and its colour.
func mark(k client.DifferenceKind, st console.Style) string {
	switch k {
	case client.DifferenceKindCreate:
		return st.Good("+")
	case client.DifferenceKindChange:
		return st.Warn("~")
	case client.DifferenceKindRemove:
		return st.Bad("-")
	case client.DifferenceKindAdopt:
		return st.Info(">")
	case client.DifferenceKindConflict:
		return st.Bad("!")
	}
	return "*"
}

// difference is one thing that is not as it should be, with both sides.
func difference(d client.Difference, st console.Style) string {
	var b strings.Builder
	b.WriteString("    " + mark(d.Kind, st) + " " + Printable(d.Object))
	if strings.Contains(d.Is+d.Want, "\n") {
		b.WriteString(":\n" + Diff(d.Is, d.Want, "        ", st))
	} else {
		b.WriteString(sides(d) + "\n")
	}
	if d.Note != "" {
		b.WriteString(st.Dim(strings.TrimSuffix(indented("        ", d.Note), "\n")) + "\n")
	}
	return b.String()
}

// sides is what is and what should be, as far as there is something to say.
func sides(d client.Difference) string {
	is, want := Printable(d.Is), Printable(d.Want)
	switch {
	case d.Kind == client.DifferenceKindConflict && is != "" && want != "":
		return ": is " + is + ", should be " + want
	case is != "" && want != "" && is != want:
		return ": " + is + " → " + want
	case want != "":
		return ": " + want
	case is != "":
		return ": " + is
	}
	return ""
}

// Diff is what turns one text into another, line by line, with two lines around
// each change.
func Diff(old, updated, margin string, st console.Style) string {
	var b strings.Builder
	for _, l := range diff.Near(diff.Lines(old, updated), 2) {
		text := margin + string(l.Op) + " " + Printable(l.Text)
		switch l.Op {
		case '+':
			text = st.Good(text)
		case '-':
			text = st.Bad(text)
		case '.':
			text = st.Dim(margin + "…")
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
}
