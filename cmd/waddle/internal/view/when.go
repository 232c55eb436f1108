package view

import (
	"fmt"
	"time"
)

// Clock is when a view is taken, for "3 min ago".
type Clock struct{ Now time.Time }

// ago says how long t is past, "never" for the zero time.
func (c Clock) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	if d := c.Now.Sub(t); d >= 0 {
		return span(d) + " ago"
	}
	return "in " + span(t.Sub(c.Now))
}

// span is a length of time in its greatest unit.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// stamp is a moment in the reader's own time zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// took is how long something ran, or has been running.
func (c Clock) took(from, to time.Time) string {
	if from.IsZero() {
		return ""
	}
	if to.IsZero() {
		to = c.Now
	}
	return to.Sub(from).Round(100 * time.Millisecond).String()
}
