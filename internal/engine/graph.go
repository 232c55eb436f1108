package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
)

// Graph is the steps of one platform document in the order in which they are
// shown and, where nothing else decides, run. Make one with NewGraph.
type Graph struct {
	Revision string // of the platform document
	Steps    []Step // every step stands after its needs
	index    map[string]int
}

// NewGraph orders steps by their needs, then by phase and declaration. The
// error names every step that is not well formed.
func NewGraph(revision string, steps []Step) (*Graph, error) {
	index := make(map[string]int, len(steps))
	var faults []error
	for i, s := range steps {
		if _, twice := index[s.ID]; twice {
			faults = append(faults, fmt.Errorf("step %s: declared twice", s.ID))
		}
		index[s.ID] = i
		faults = append(faults, validate(s)...)
	}
	for _, s := range steps {
		for _, n := range s.Needs {
			if _, known := index[n]; !known {
				faults = append(faults, fmt.Errorf("step %s: needs %s, which does not exist", s.ID, n))
			}
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("cannot order the steps: %w", errors.Join(faults...))
	}
	ordered, err := order(steps, index)
	if err != nil {
		return nil, fmt.Errorf("cannot order the steps: %w", err)
	}
	g := &Graph{Revision: revision, Steps: ordered, index: make(map[string]int, len(steps))}
	for i, s := range ordered {
		g.index[s.ID] = i
	}
	return g, nil
}

func validate(s Step) (faults []error) {
	fault := func(wrong bool, what string) {
		if wrong {
			faults = append(faults, fmt.Errorf("step %s: %s", s.ID, what))
		}
	}
	gate := s.Gate != nil
	fault(s.ID == "", "has no ID")
	fault(s.Check == nil && (!gate || !s.Gate.Acknowledge), "has no Check")
	fault(gate && s.Apply != nil, "is a gate, so it must have no Apply")
	fault(gate && s.Undo != nil, "is a gate, so it must have no Undo")
	fault(!gate && s.Apply == nil, "has no Apply")
	fault(!gate && s.Area == "", "has no Area")
	if u := s.Undo; u != nil {
		fault(u.Capture == nil || u.Show == nil || u.Apply == nil, "has an Undo without Capture, Show or Apply")
	}
	return faults
}

// order picks, again and again, the first step by phase and declaration whose
// needs have all been picked.
func order(steps []Step, index map[string]int) ([]Step, error) {
	byPhase := make([]int, len(steps))
	for i := range steps {
		byPhase[i] = i
	}
	slices.SortStableFunc(byPhase, func(a, b int) int { return steps[a].Phase - steps[b].Phase })
	picked := make([]bool, len(steps))
	ready := func(i int) bool {
		return !slices.ContainsFunc(steps[i].Needs, func(n string) bool { return !picked[index[n]] })
	}
	ordered := make([]Step, 0, len(steps))
	for len(byPhase) > 0 {
		at := slices.IndexFunc(byPhase, ready)
		if at < 0 {
			return nil, fmt.Errorf("these steps need each other in a circle: %s", circle(steps, index, byPhase[0], picked))
		}
		i := byPhase[at]
		picked[i] = true
		ordered = append(ordered, steps[i])
		byPhase = slices.Delete(byPhase, at, at+1)
	}
	return ordered, nil
}

// circle follows unpicked needs from i until a step comes a second time.
func circle(steps []Step, index map[string]int, i int, picked []bool) string {
	var path []string
	for {
		if at := slices.Index(path, steps[i].ID); at >= 0 {
			return strings.Join(append(path[at:], steps[i].ID), " → ")
		}
		path = append(path, steps[i].ID)
		next := slices.IndexFunc(steps[i].Needs, func(n string) bool { return !picked[index[n]] })
		i = index[steps[i].Needs[next]]
	}
}

// Step returns the step with the id.
func (g *Graph) Step(id string) (*Step, bool) {
	i, ok := g.index[id]
	if !ok {
		return nil, false
	}
	return &g.Steps[i], true
}

// Select returns the selected steps in the graph's order. A step or phase that
// does not exist is a NotFound problem.
func (g *Graph) Select(sel Selection) ([]*Step, error) {
	for _, id := range sel.Steps {
		if _, known := g.index[id]; !known {
			return nil, problem.New(problem.NotFound, "list them with: waddle phase ls", "there is no step %q", id)
		}
	}
	for _, p := range sel.Phases {
		if !slices.ContainsFunc(g.Steps, func(s Step) bool { return s.Phase == p }) {
			return nil, problem.New(problem.NotFound, "list them with: waddle phase ls", "there is no phase %d", p)
		}
	}
	var selected []*Step
	for i := range g.Steps {
		s := &g.Steps[i]
		if (len(sel.Steps) == 0 || slices.Contains(sel.Steps, s.ID)) && (len(sel.Phases) == 0 || slices.Contains(sel.Phases, s.Phase)) {
			selected = append(selected, s)
		}
	}
	if len(selected) == 0 {
		return nil, problem.New(problem.NotFound, "select phases or steps, not both", "the selection holds no step")
	}
	return selected, nil
}

// before returns, for each selected step, the selected steps that it needs
// directly or through steps that are not selected.
func (g *Graph) before(selected []*Step) map[string][]string {
	in := make(map[string]bool, len(selected))
	for _, s := range selected {
		in[s.ID] = true
	}
	reach := make(map[string][]string, len(g.Steps))
	for i := range g.Steps { // needs come first, so theirs are there already
		s := &g.Steps[i]
		var found []string
		for _, n := range s.Needs {
			if in[n] {
				found = append(found, n)
			} else {
				found = append(found, reach[n]...)
			}
		}
		slices.Sort(found)
		reach[s.ID] = slices.Compact(found)
	}
	return reach
}

// closure returns the steps and everything that they need, in the graph's order.
func (g *Graph) closure(steps []*Step) []*Step {
	wanted := make(map[string]bool, len(steps))
	for _, s := range steps {
		wanted[s.ID] = true
	}
	var all []*Step
	for i := len(g.Steps) - 1; i >= 0; i-- {
		s := &g.Steps[i]
		if !wanted[s.ID] {
			continue
		}
		all = append(all, s)
		for _, n := range s.Needs {
			wanted[n] = true
		}
	}
	slices.Reverse(all)
	return all
}
