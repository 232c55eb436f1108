package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/waddle-social/waddle/client"
)

// Plan shows a plan phase by phase, then one line that sums it up. Steps where
// nothing differs are counted, not listed.
func Plan(p client.Plan, st Look) string {
	var b strings.Builder
	for i, group := range byPhase(p.Steps) {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(planPhase(group, st))
	}
	if len(p.Steps) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(st.Bold(Counts(p).String()) + "\n")
	return b.String()
}

// byPhase groups steps in their order. Phases come in the plan's order already.
func byPhase(steps []client.PlanStep) [][]client.PlanStep {
	var groups [][]client.PlanStep
	for _, s := range steps {
		if n := len(groups); n > 0 && groups[n-1][0].Phase == s.Phase {
			groups[n-1] = append(groups[n-1], s)
			continue
		}
		groups = append(groups, []client.PlanStep{s})
	}
	return groups
}

func planPhase(steps []client.PlanStep, st Look) string {
	var b strings.Builder
	done := 0
	for _, s := range steps {
		if s.Error == nil && s.Result.State == client.CheckStateDone && len(s.Result.Notes) == 0 {
			done++
			continue
		}
		b.WriteString(planStep(s, st))
	}
	head := heading(steps[0].Phase, st)
	switch {
	case done == len(steps):
		return head + st.Dim("  as it should be ("+count(done, "step", "steps")+")") + "\n"
	case done > 0:
		return head + "\n" + b.String() + st.Dim("  "+count(done, "step is", "steps are")+" as it should be") + "\n"
	}
	return head + "\n" + b.String()
}

func planStep(s client.PlanStep, st Look) string {
	var b strings.Builder
	title := Printable(s.Title)
	switch {
	case s.Error != nil:
		b.WriteString("  " + st.Bad("x "+title) + st.Dim("  cannot look") + "\n" + failure(*s.Error, "    ", st))
	case s.Gate && s.Result.State != client.CheckStateDone:
		b.WriteString("  " + st.Warn("= "+title) + st.Dim("  "+s.ID) + "\n")
		if s.Instruction != "" {
			b.WriteString(indented("    ", s.Instruction))
		}
		if r := s.Result; r.Reason != "" && r.Reason != s.Instruction && len(r.WaitsFor) == 0 {
			b.WriteString(indented("    ", "now: "+r.Reason))
		}
	case s.Result.State == client.CheckStateUnknown:
		b.WriteString("  " + st.Dim("? "+title+waits(s.Result)) + "\n")
	case s.Result.State == client.CheckStateDone: // listed for its notes
		b.WriteString("  " + st.Good("✓") + " " + title + "\n")
	default:
		b.WriteString("  " + title + "\n")
	}
	for _, d := range s.Result.Differences {
		b.WriteString(difference(d, st))
	}
	b.WriteString(notes(s.Result, st) + evidence(s.Result, st))
	return b.String()
}

func notes(r client.Result, st Look) string {
	var b strings.Builder
	for _, n := range r.Notes {
		b.WriteString(st.Dim(strings.TrimSuffix(indented("    ", "note: "+n), "\n")) + "\n")
	}
	return b.String()
}

// evidence is what a gate rests on: what was tried, from where and when, and
// what came back.
func evidence(r client.Result, st Look) string {
	var b strings.Builder
	for _, e := range r.Evidence {
		mark := st.Warn("?")
		switch e.Verdict {
		case client.EvidenceVerdictProves:
			mark = st.Good("✓")
		case client.EvidenceVerdictContradicts:
			mark = st.Bad("x")
		}
		text := fmt.Sprintf("%s, from %s, %s", e.What, e.From, e.At.UTC().Format(time.RFC3339))
		if e.Answer != "" {
			text += ": " + e.Answer
		}
		b.WriteString("    " + mark + " " + strings.TrimPrefix(indented("      ", text), "      "))
	}
	return b.String()
}

// waits says why a step cannot be looked at yet.
func waits(r client.Result) string {
	switch {
	case len(r.WaitsFor) > 0:
		return "  waits for " + Printable(strings.Join(r.WaitsFor, ", "))
	case r.Reason != "":
		return "  " + Printable(r.Reason)
	}
	return "  cannot be looked at yet"
}

// failure is an error of one step and what to do about it.
func failure(f client.Failure, margin string, st Look) string {
	text := st.Bad(strings.TrimSuffix(indented(margin, f.Detail), "\n")) + "\n"
	if f.Hint != "" {
		text += indented(margin, "hint: "+f.Hint)
	}
	return text
}

// Tally counts what a plan says.
type Tally struct {
	Kinds                map[client.DifferenceKind]int
	Gates, Waits, Failed int // steps
}

// Counts counts the differences of a plan by kind. Open gates, steps that cannot
// be looked at yet and looks that failed are counted apart: an apply changes
// none of them.
func Counts(p client.Plan) Tally {
	t := Tally{Kinds: map[client.DifferenceKind]int{}}
	for _, s := range p.Steps {
		switch {
		case s.Error != nil:
			t.Failed++
		case s.Gate && s.Result.State != client.CheckStateDone:
			t.Gates++
		case s.Result.State == client.CheckStateUnknown:
			t.Waits++
		case s.Result.State == client.CheckStateDiffers:
			for _, d := range s.Result.Differences {
				t.Kinds[d.Kind]++
			}
		}
	}
	return t
}

// String is the line at the end of a plan.
func (t Tally) String() string {
	var changes []string
	for _, k := range []struct {
		kind client.DifferenceKind
		text string
	}{
		{client.DifferenceKindCreate, "to create"}, {client.DifferenceKindChange, "to change"},
		{client.DifferenceKindRemove, "to remove"}, {client.DifferenceKindAdopt, "to adopt"},
	} {
		if n := t.Kinds[k.kind]; n > 0 {
			changes = append(changes, fmt.Sprintf("%d %s", n, k.text))
		}
	}
	if n := t.Kinds[client.DifferenceKindConflict]; n > 0 {
		changes = append(changes, count(n, "conflict", "conflicts"))
	}
	if n := t.Kinds[client.DifferenceKindManual]; n > 0 {
		changes = append(changes, fmt.Sprintf("%d left to you", n))
	}
	line := "no changes"
	if len(changes) > 0 {
		line = strings.Join(changes, ", ")
	}
	var apart []string
	if t.Failed > 0 {
		apart = append(apart, count(t.Failed, "step cannot be looked at", "steps cannot be looked at"))
	}
	if t.Gates > 0 {
		apart = append(apart, count(t.Gates, "gate open", "gates open"))
	}
	if t.Waits > 0 {
		apart = append(apart, count(t.Waits, "step waits for others", "steps wait for others"))
	}
	if len(apart) > 0 {
		line += " (" + strings.Join(apart, ", ") + ")"
	}
	return line
}
