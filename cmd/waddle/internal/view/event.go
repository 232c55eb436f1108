package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Event is one event on one line, for a pipe or a log: time, what it is about,
// what happened.
func Event(e client.Event) string {
	words := []string{e.Time.Local().Format("15:04:05"), e.Type}
	for _, w := range []string{e.Operation, e.Step, e.State} {
		if w != "" {
			words = append(words, w)
		}
	}
	if e.Progress != nil {
		words = append(words, progress(*e.Progress))
	}
	if e.Message != "" {
		words = append(words, e.Message)
	}
	for _, d := range e.Details {
		text := string(d.Kind) + " " + d.Object
		if !long(d) { // a whole file is too much for a line; op show --full has it
			text += sides(d)
		}
		words = append(words, "["+text+"]")
	}
	return strings.ReplaceAll(Printable(strings.Join(words, " ")), "\n", " ") + "\n"
}

func progress(p client.Progress) string {
	text := fmt.Sprint(p.Done)
	if p.Total > 0 {
		text = fmt.Sprintf("%d/%d", p.Done, p.Total)
	}
	return strings.TrimSpace(text + " " + p.Unit)
}
