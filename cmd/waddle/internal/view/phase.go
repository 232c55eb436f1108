package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Phases is the list of phases with how far each is.
func Phases(l client.PhaseList) string {
	rows := [][]string{{"PHASE", "TITLE", "STATE", "STEPS"}}
	for _, p := range l.Phases {
		rows = append(rows, []string{fmt.Sprint(p.Phase), p.Title, string(p.State), phaseSteps(p)})
	}
	return Columns(rows...)
}

func phaseSteps(p client.PhaseSummary) string {
	parts := []string{fmt.Sprintf("%d of %d done", p.Steps.Done, p.Steps.Total)}
	for _, c := range []struct {
		n    int
		text string
	}{{p.Steps.Differ, "differ"}, {p.Steps.Gates, "at a gate"}, {p.Steps.Unknown, "wait"}, {p.Steps.Failed, "failed to look"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.text))
		}
	}
	return strings.Join(parts, ", ")
}

// Phase is one phase with every step, also those where nothing differs.
func Phase(p client.Phase, st Look) string {
	var b strings.Builder
	b.WriteString(st.Bold(fmt.Sprintf("Phase %d: %s", p.Phase, Printable(p.Title))) + "  " + string(p.State) + "\n")
	for _, s := range p.Steps {
		if s.Error == nil && s.Result.State == client.CheckStateDone {
			b.WriteString("  " + st.Good("✓") + " " + Printable(s.Title) + st.Dim("  "+s.ID) + "\n")
			if s.Gate {
				b.WriteString(notes(s.Result, st) + evidence(s.Result, st))
			}
			continue
		}
		b.WriteString(planStep(s, st))
	}
	return b.String()
}

// Undo is what undoing a phase would put back, and what it cannot.
func Undo(p client.Plan, st Look) string {
	var b strings.Builder
	back, stays := 0, 0
	for _, s := range p.Steps {
		switch {
		case s.Error != nil:
			b.WriteString(planStep(s, st))
		case s.Gate:
		case !s.Undoable:
			stays++
			b.WriteString("  " + st.Warn("cannot be undone: "+Printable(s.Title)) + "\n")
			if s.Result.Reason != "" {
				b.WriteString(indented("    ", s.Result.Reason))
			}
		case s.Result.State == client.CheckStateDiffers:
			back++
			b.WriteString(planStep(s, st))
		}
	}
	b.WriteString("\n" + st.Bold(count(back, "step", "steps")+" to put back"))
	if stays > 0 {
		b.WriteString(st.Bold(", " + count(stays, "step stays", "steps stay") + " as it is"))
	}
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}
