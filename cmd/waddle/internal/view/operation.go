package view

import (
	"fmt"
	"sort"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Operations is a page of operations as a table.
func Operations(ops []client.OperationSummary, c Clock) string {
	if len(ops) == 0 {
		return "no operations\n"
	}
	rows := [][]string{{"ID", "WHAT", "STATE", "STARTED", "TOOK", "STEPS", "BY"}}
	for _, o := range ops {
		rows = append(rows, []string{
			o.ID, what(o.Kind, o.Action, o.Selection), string(o.State), stamp(o.Created), c.took(o.Created, o.Ended), stepCounts(o.StepCounts), o.Caller.Name,
		})
	}
	return Columns(rows...)
}

// what names an operation: "apply phases 0 to 1", "vm.reboot teleport".
func what(kind client.OperationKind, a *client.Action, s client.Selection) string {
	if a != nil {
		return Printable(a.Verb + " " + a.Subject)
	}
	text := string(kind)
	switch len(s.Phases) {
	case 0:
	case 1:
		text += fmt.Sprintf(" phase %d", s.Phases[0])
	default:
		text += fmt.Sprintf(" phases %d to %d", s.Phases[0], s.Phases[len(s.Phases)-1])
	}
	if len(s.Steps) > 0 {
		text += " " + strings.Join(s.Steps, ", ")
	}
	return text
}

func stepCounts(counts map[string]int) string {
	states := make([]string, 0, len(counts))
	for s := range counts {
		states = append(states, s)
	}
	sort.Strings(states)
	for i, s := range states {
		states[i] = fmt.Sprintf("%d %s", counts[s], s)
	}
	return strings.Join(states, ", ")
}

// Operation is one operation with its steps.
func Operation(o client.Operation, c Clock, st Look) string {
	var b strings.Builder
	b.WriteString(Columns(
		[]string{"operation", o.ID},
		[]string{"what", what(o.Kind, o.Action, o.Selection)},
		[]string{"state", state(o)},
		[]string{"asked by", o.Caller.Name + " from " + o.Caller.From},
		[]string{"platform", o.Revision},
		[]string{"started", stamp(o.Created)},
		[]string{"took", c.took(o.Created, o.Ended)},
	))
	phase := -1
	for _, s := range o.Steps {
		if s.Phase != phase {
			phase = s.Phase
			b.WriteString("\n" + heading(phase, st) + "\n")
		}
		b.WriteString(operationStep(s, c, st))
	}
	if o.Error != nil {
		b.WriteString("\n" + failure(*o.Error, "", st))
	}
	return b.String()
}

func state(o client.Operation) string {
	text := string(o.State)
	if o.Cancel && o.State == client.OperationStateRunning {
		text += ", stops after the running step"
	}
	if o.Resumed > 0 {
		text += ", resumed " + count(o.Resumed, "time", "times") + " after a restart of the daemon"
	}
	return text
}

func operationStep(s client.OperationStep, c Clock, st Look) string {
	paint := map[client.StepState]func(string) string{
		client.StepStateChanged: st.Good, client.StepStateFailed: st.Bad, client.StepStateGate: st.Warn,
		client.StepStateSkipped: st.Warn, client.StepStateRunning: st.Info, client.StepStateUnchanged: st.Dim, client.StepStatePending: st.Dim,
	}[s.State]
	word := fmt.Sprintf("%-9s", s.State)
	if paint != nil {
		word = paint(word)
	}
	line := "  " + word + " " + Printable(s.Title)
	if took := c.took(s.Started, s.Ended); took != "" {
		line += st.Dim("  " + took)
	}
	var b strings.Builder
	b.WriteString(line + "\n")
	for _, d := range s.Differences {
		b.WriteString(difference(d, st))
	}
	if s.Message != "" && s.Error == nil {
		b.WriteString(st.Dim(strings.TrimSuffix(indented("    ", s.Message), "\n")) + "\n")
	}
	if s.Error != nil {
		b.WriteString(failure(*s.Error, "    ", st))
	}
	return b.String()
}
