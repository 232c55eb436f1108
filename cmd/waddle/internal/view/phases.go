package view

import (
	"fmt"
)

// phaseTitles are the plan's own headings. A plan from the API has the phases'
// numbers alone; asking for the titles would make the daemon look at the host a
// second time.
var phaseTitles = [...]string{
	"Immediate Host Lockdown", "Network Setup", "Teleport VM", "Full Lockdown",
	"Talos Cluster", "Cluster Bootstrap (pre-GitOps)", "GitOps Takes Over",
}

// PhaseTitle returns the plan's heading of a phase, empty for an unknown one.
func PhaseTitle(n int) string {
	if n < 0 || n >= len(phaseTitles) {
		return ""
	}
	return phaseTitles[n]
}

func heading(n int, st Look) string {
	if t := PhaseTitle(n); t != "" {
		return st.Bold(fmt.Sprintf("Phase %d: %s", n, t))
	}
	return st.Bold(fmt.Sprintf("Phase %d", n))
}
