package engine

import (
	"slices"
	"time"
)

// judge decides about each step and writes what is new. It reports whether
// there is something to put right.
func (l *driftLook) judge() bool {
	seen := time.Now().UTC()
	turns, _ := l.e.turnsNow()
	moved := l.touched(func(area string) bool { return turns[area] != l.turns[area] })
	var news []Event
	var confirmed []string
	for _, s := range l.steps {
		if moved[s.ID] {
			l.deferred[s.ID] = true
			continue
		}
		result := l.looks.results[s.ID]
		if result.State == Done {
			if l.e.drift.right(s.ID) {
				news = append(news, Event{Type: EventRepaired, Step: s.ID})
			}
			if l.recorded[s.ID].Applied.Revision != l.graph.Revision {
				confirmed = append(confirmed, s.ID)
			}
			continue
		}
		report := l.report(s, result, seen)
		if report.Kind == DriftRepairing {
			l.mend = append(l.mend, s.ID)
		}
		if l.e.drift.found(report, seen) {
			l.e.log.Warn("drift", "step", s.ID, "kind", report.Kind, "differences", told(report.Differences), "reason", report.Reason)
			news = append(news, Event{Type: EventDrift, Step: s.ID, State: string(report.Kind), Message: report.Reason, Details: report.Differences})
		}
	}
	return l.write(news, confirmed) && len(l.mend) > 0
}

// report says what is to be done about a step that is not done.
func (l *driftLook) report(s *Step, result Result, now time.Time) DriftReport {
	r := DriftReport{Step: s.ID, Phase: s.Phase, Title: s.Title, Differences: result.Differences, Reason: result.Reason}
	if err := l.looks.errs[s.ID]; err != nil {
		r.Error = failure(s.ID, err)
	}
	mendable := !slices.ContainsFunc(result.WaitsFor, func(n string) bool { return !slices.Contains(l.mend, n) })
	switch {
	case s.Gate != nil:
		r.Kind = DriftGate
	case result.State == Unknown && (len(result.WaitsFor) == 0 || !mendable):
		r.Kind = DriftUnknown
	case result.Settled():
		r.Kind = DriftBlocked
	case l.recorded[s.ID].Applied.Revision != l.graph.Revision:
		r.Kind = DriftPending
	case permitted("repair", s, result.Differences, Consent{}) != nil:
		r.Kind = DriftBlocked
	case !l.e.drift.mayTry(s.ID, now):
		r.Kind = DriftFailed
	default:
		r.Kind = DriftRepairing
	}
	return r
}

// write keeps the news, and that steps were seen done under the platform as it
// is now: from here on a difference is drift, not a pending change.
func (l *driftLook) write(news []Event, confirmed []string) bool {
	if len(news) == 0 && len(confirmed) == 0 {
		return true
	}
	err := l.e.journal.write("drift", func(c *change) error {
		for _, id := range confirmed {
			err := c.record(id, func(r *record) {
				if r.Applied != nil {
					r.Applied.Revision = l.graph.Revision
				}
			})
			if err != nil {
				return err
			}
		}
		return c.events(news...)
	})
	if err != nil {
		l.e.log.Error("the reconciler repairs nothing: it cannot write what it found", "error", err)
	}
	return err == nil
}
