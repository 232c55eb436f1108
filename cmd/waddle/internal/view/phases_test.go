package view

import (
	"testing"

	"github.com/waddle-social/waddle/internal/phase"
)

func TestThePhasesHaveThePlansTitles(t *testing.T) {
	for n := range phase.Titles {
		if got, want := PhaseTitle(n), phase.Titles[n]; got != want {
			t.Errorf("phase %d is called %q, the daemon says %q", n, got, want)
		}
	}
	if PhaseTitle(7) != "" || PhaseTitle(-1) != "" {
		t.Error("there is a phase beyond the seven")
	}
}
