package view

import (
	"strings"
	"time"

	"github.com/waddle-social/waddle/client"
)

// Ending is the line below an operation that was watched to its end.
func Ending(o client.Operation, st Look) string {
	counts := map[string]int{}
	for _, s := range o.Steps {
		word := string(s.State)
		if s.State == client.StepStateGate {
			word = "at a gate"
		}
		counts[word]++
	}
	line := string(o.State)
	if !o.Ended.IsZero() {
		line += " in " + o.Ended.Sub(o.Created).Round(100*time.Millisecond).String()
	}
	if n := stepCounts(counts); n != "" {
		line += ": " + n
	}
	paint := st.Good
	if o.State != client.OperationStateDone {
		paint = st.Bad
	}
	if o.State == client.OperationStateWaiting {
		paint = st.Warn
	}
	return paint(line) + "\n"
}

// OpenGates says what the open gates of an operation ask for.
func OpenGates(steps []client.OperationStep, st Look) string {
	var b strings.Builder
	for _, s := range steps {
		if s.State != client.StepStateGate {
			continue
		}
		b.WriteString(st.Warn("open gate: "+Printable(s.Title)) + st.Dim("  "+s.ID) + "\n")
		if s.Message != "" {
			b.WriteString(indented("  ", s.Message))
		}
	}
	return b.String()
}
