package view

import (
	"strings"

	"github.com/waddle-social/waddle/client"
)

// Preflight is a line for each check, and below one that is not met what to do.
func Preflight(p client.Preflight, st Look) string {
	widest := 0
	for _, c := range p.Checks {
		widest = max(widest, len(c.Name))
	}
	var b strings.Builder
	for _, c := range p.Checks {
		b.WriteString(checkMark(c.State, st) + "  " + c.Name + strings.Repeat(" ", widest-len(c.Name)) + "  " + Printable(c.Detail) + "\n")
		if c.Remedy != "" {
			b.WriteString(strings.Repeat(" ", len("missing")+2+widest+2) + "-> " + Printable(c.Remedy) + "\n")
		}
	}
	return b.String()
}

func checkMark(s client.PreflightCheckState, st Look) string {
	switch s {
	case client.PreflightCheckStateOk:
		return "ok     "
	case client.PreflightCheckStateMissing:
		return st.Bad("missing")
	}
	return st.Dim("unknown")
}
