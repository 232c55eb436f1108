package engine

import "slices"

// rebase gives the operation the steps of another revision: what was done is
// looked at again, what is new in the selection is added, what is gone is
// skipped. A cancelled or undoing operation looks at nothing twice.
func (o *Operation) rebase(g *Graph) {
	selected := o.Selection.stillIn(g)
	former := o.Steps
	o.Revision, o.Areas, o.Steps = g.Revision, areasOf(selected), freshSteps(selected)
	for i := range o.Steps {
		at := slices.IndexFunc(former, func(s OperationStep) bool { return s.ID == o.Steps[i].ID })
		if at < 0 {
			continue
		}
		old := former[at]
		if old.State != StepRunning && o.Kind != KindUndo && !o.Cancel {
			continue // pending again
		}
		old.Phase, old.Title = o.Steps[i].Phase, o.Steps[i].Title
		o.Steps[i] = old
	}
	for _, old := range former {
		if slices.ContainsFunc(o.Steps, func(s OperationStep) bool { return s.ID == old.ID }) {
			continue
		}
		if old.State == StepPending || old.State == StepRunning {
			old.State, old.Message = StepSkipped, "the platform no longer has this step"
		}
		o.Steps = append(o.Steps, old)
	}
}

// stillIn returns what the selection holds of the graph, which may be nothing.
func (sel Selection) stillIn(g *Graph) []*Step {
	left := Selection{}
	for _, p := range sel.Phases {
		if slices.ContainsFunc(g.Steps, func(s Step) bool { return s.Phase == p }) {
			left.Phases = append(left.Phases, p)
		}
	}
	for _, id := range sel.Steps {
		if _, known := g.Step(id); known {
			left.Steps = append(left.Steps, id)
		}
	}
	if len(left.Phases) == 0 && len(sel.Phases) > 0 || len(left.Steps) == 0 && len(sel.Steps) > 0 {
		return nil
	}
	selected, err := g.Select(left)
	if err != nil {
		return nil // its only error: the selection holds no step
	}
	return selected
}
