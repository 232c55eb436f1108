package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/diff"
)

// mark is the sign of a kind of difference and its colour.
func mark(k client.DifferenceKind, st Look) string {
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
	case client.DifferenceKindManual:
		return st.Info("?")
	}
	return "*"
}

// difference is one thing that is not as it should be, with both sides.
func difference(d client.Difference, st Look) string {
	var b strings.Builder
	b.WriteString("    " + mark(d.Kind, st) + " " + Printable(d.Object))
	if long(d) {
		b.WriteString(":\n" + Diff(d.Is, d.Want, "        ", st))
	} else {
		b.WriteString(sides(d) + "\n")
	}
	if d.Note != "" {
		b.WriteString(st.Dim(strings.TrimSuffix(indented("        ", d.Note), "\n")) + "\n")
	}
	return b.String()
}

// long reports whether a side of the difference is a whole file or list.
func long(d client.Difference) bool { return strings.Contains(d.Is+d.Want, "\n") }

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

// folded is how many lines of a long text are shown unless all are asked for.
const folded = 6

// Diff is what turns one text into another, line by line, with two lines around
// each change.
func Diff(old, updated, margin string, st Look) string {
	all := diff.Lines(old, updated)
	lines, more := diff.Near(all, 2), 0
	if !st.Full && len(lines) > folded+2 {
		changed := diff.Near(all, 0)
		lines = changed[:min(folded, len(changed))]
		more = len(changed) - len(lines)
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(diffLine(l, margin, st) + "\n")
	}
	if more > 0 {
		b.WriteString(st.Dim(fmt.Sprintf("%s… %d more lines, --full shows them", margin, more)) + "\n")
	}
	return b.String()
}

func diffLine(l diff.Line, margin string, st Look) string {
	text := strings.TrimRight(margin+string(l.Op)+" "+Printable(l.Text), " ")
	switch l.Op {
	case '+':
		return st.Good(text)
	case '-':
		return st.Bad(text)
	case '.':
		return st.Dim(margin + "…")
	}
	return text
}
