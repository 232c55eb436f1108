package view

import (
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Status is how the daemon and the host are, worst news last, where it is read.
func Status(s client.Status, c Clock, st Look) string {
	rows := [][]string{
		{"daemon", fmt.Sprintf("waddled %s, started %s", s.Version, c.ago(s.Started))},
		{"platform", document(s.Platform)},
	}
	for i, l := range s.Listeners {
		name := ""
		if i == 0 {
			name = "API"
		}
		rows = append(rows, []string{name, listener(l)})
	}
	if s.TLS != nil {
		rows = append(rows, []string{"CA", s.TLS.CaFile + ", SHA-256 " + s.TLS.CaFingerprint})
	}
	running := "nothing"
	if len(s.Running) > 0 {
		running = strings.Join(s.Running, ", ") + " (waddle op watch)"
	}
	rows = append(rows, []string{"running", running})
	if s.Last != nil {
		rows = append(rows, []string{"last", fmt.Sprintf("%s %s: %s, %s", s.Last.ID, what(s.Last.Kind, s.Last.Action, s.Last.Selection), s.Last.State, c.ago(s.Last.Created))})
		if s.Last.Error != nil {
			rows = append(rows, []string{"", s.Last.Error.Detail})
		}
	}
	if len(s.Drift) == 0 {
		rows = append(rows, []string{"drift", "none seen"})
		return Columns(rows...)
	}
	return Columns(rows...) + drift(s.Drift, c, st)
}

func document(p client.PlatformStatus) string {
	switch {
	case !p.Present:
		return "none yet: waddle init proposes one for this host"
	case !p.Valid:
		return "NOT VALID: " + p.Detail
	}
	return p.Name + ", revision " + p.Revision
}

func listener(l client.Listener) string {
	text := string(l.Network) + " " + l.Address
	if l.State != client.ListenerStateListening {
		text += ": " + strings.ToUpper(string(l.State)) + ", " + l.Detail
	}
	return text
}

func drift(all []client.Drift, c Clock, st Look) string {
	var b strings.Builder
	b.WriteString("\n" + st.Bad("Drift: what was finished is not as it was left") + "\n")
	for _, d := range all {
		fmt.Fprintf(&b, "  %s (phase %d, %s)\n", Printable(d.Title), d.Phase, c.ago(d.Since))
		for _, one := range d.Differences {
			b.WriteString(difference(one, st))
		}
		b.WriteString(indented("    ", remedy(d, c)))
		if d.Error != nil {
			b.WriteString(failure(*d.Error, "    ", st))
		}
	}
	return b.String()
}

// remedy says what is done about a drift, or who has to do something.
func remedy(d client.Drift, c Clock) string {
	switch d.Kind {
	case client.DriftKindRepairing:
		if d.Operation == "" {
			return "is being repaired"
		}
		return "is being repaired: waddle op watch " + d.Operation
	case client.DriftKindFailed:
		text := "repairing it failed or did not last (" + count(d.Attempts, "attempt", "attempts") + ")"
		if !d.NextAttempt.IsZero() {
			text += ", tried again " + c.ago(d.NextAttempt)
		}
		return text
	case client.DriftKindPending:
		return "the platform document has changed since: waddle plan, then waddle apply"
	case client.DriftKindBlocked:
		return "only you can solve it: waddle plan shows both sides"
	case client.DriftKindGate:
		return "a gate is open again: waddle phase show " + fmt.Sprint(d.Phase)
	}
	if d.Reason != "" {
		return "not known: " + d.Reason
	}
	return "not known: it cannot be looked at"
}
