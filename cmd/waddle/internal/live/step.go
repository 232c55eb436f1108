package live

import (
	"fmt"
	"time"
)

// Step is what is known of one step.
type Step struct {
	ID, Title, State, Message string
	Done, Total               int64 // of the progress; Total 0 when unknown
	Unit                      string
	Started, Ended            time.Time // zero when it is not so far
}

// duration prints how long something took or takes, in three characters or so.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// took is how long the step ran, empty when that is not known.
func (s Step) took() string {
	if s.Started.IsZero() || s.Ended.IsZero() {
		return ""
	}
	return duration(s.Ended.Sub(s.Started))
}

// Final reports whether a step's state does not change any more.
func Final(state string) bool {
	switch state {
	case "unchanged", "changed", "failed", "gate", "skipped":
		return true
	}
	return false
}

// amount prints a progress in its unit: "120 MiB of 1.2 GiB", "2 of 3 nodes".
func amount(done, total int64, unit string) string {
	show := func(n int64) string { return fmt.Sprint(n) }
	if unit == "bytes" {
		show, unit = bytes, ""
	}
	text := show(done)
	if total > 0 {
		text += " of " + show(total)
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

func bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, names := float64(n)/unit, "KMGTPE"
	i := 0
	for value >= unit && i < len(names)-1 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %ciB", value, names[i])
}
