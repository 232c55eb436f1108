package view

import (
	"fmt"

	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
)

// phaseTitles are the plan's own headings. A plan from the API has the phases'
// numbers alone; asking for the titles would make the daemon look at the host a
// second time.
var phaseTitles = [...]string{
	"Immediate Host Lockdown", "Network Setup", "Teleport VM", "Full Lockdown",
	"Talos Cluster", "Cluster Bootstrap", "GitOps Takes Over",
}

// PhaseTitle returns the plan's heading of a phase, empty for an unknown one.
func PhaseTitle(n int) string {
	if n < 0 || n >= len(phaseTitles) {
		return ""
	}
	return phaseTitles[n]
}

func heading(n int, st console.Style) string {
	if t := PhaseTitle(n); t != "" {
		return st.Bold(fmt.Sprintf("Phase %d: %s", n, t))
	}
	return st.Bold(fmt.Sprintf("Phase %d", n))
}
