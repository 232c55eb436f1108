package engine

import "slices"

// ready settles the steps that cannot be reached any more and returns at most
// free ones that can start.
func (r *runner) ready(started map[int]bool, free int) (start []int) {
	if r.e.isClosing() || r.stopped() != nil {
		return nil
	}
	r.skipBlocked()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.op.Steps {
		if len(start) >= free {
			break
		}
		if started[i] {
			continue
		}
		// A step that was being applied when the daemon died is ended even if a
		// cancel was asked for: it would have been, had the daemon lived.
		resumed := s.State == StepRunning
		if (resumed || (s.State == StepPending && !r.cancelled)) && r.settled(s.ID) {
			start = append(start, i)
		}
	}
	return start
}

// settled reports whether everything that comes before the step has ended.
func (r *runner) settled(id string) bool {
	return !slices.ContainsFunc(r.first[id], func(b string) bool {
		s := r.op.Steps[r.at[b]].State
		return s == StepPending || s == StepRunning
	})
}

// skipBlocked marks, in one write, every step whose way is barred for good. It
// repeats itself, because what a skipped step bars is barred too.
func (r *runner) skipBlocked() {
	r.mu.Lock()
	var skip []int
	next := slices.Clone(r.op.Steps)
	for again := true; again; {
		again = false
		for i := range next {
			if next[i].State != StepPending {
				continue
			}
			if barred := r.barredBy(next, next[i].ID); len(barred) > 0 {
				next[i] = skipped(next[i], barred)
				skip = append(skip, i)
				again = true
			}
		}
	}
	r.mu.Unlock()
	if len(skip) > 0 {
		r.put("steps-skipped", next, skip, nil)
	}
}

// barredBy returns the selected steps that the step directly follows and that
// ended without being done.
func (r *runner) barredBy(steps []OperationStep, id string) (ids []string) {
	direct := func(b string) bool { return true }
	if r.op.Kind != KindUndo {
		s, ok := r.graph.Step(id)
		if !ok {
			return nil
		}
		direct = func(b string) bool { return slices.Contains(s.Needs, b) }
	}
	for _, b := range r.first[id] {
		switch steps[r.at[b]].State {
		case StepFailed, StepSkipped, StepGate:
			if direct(b) {
				ids = append(ids, b)
			}
		}
	}
	return ids
}

func skipped(s OperationStep, waitsFor []string) OperationStep {
	s.State = StepSkipped
	s.WaitsFor = waitsFor
	s.Message = isAre(waitsFor) + " not done"
	return s
}
