package engine

import (
	"maps"
	"slices"

	"github.com/waddle-social/waddle/internal/problem"
)

// areasOf returns the areas that the steps change, sorted.
func areasOf(steps []*Step) []string {
	areas := []string{}
	for _, s := range steps {
		if s.Gate == nil {
			areas = append(areas, s.Area)
		}
	}
	slices.Sort(areas)
	return slices.Compact(areas)
}

// taken returns the problem that names the operations, other than own, that
// hold one of areas, or nil. The caller holds e.mu.
func (e *Engine) taken(own string, areas []string) error {
	byOperation := map[string][]string{}
	for _, a := range areas {
		if id, held := e.holders[a]; held && id != own {
			byOperation[id] = append(byOperation[id], a)
		}
	}
	if len(byOperation) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(byOperation))
	p := problem.New(problem.OperationRunning, "wait for it with: waddle op watch "+ids[0]+", or stop it with: waddle op cancel "+ids[0],
		"operation %s is changing %s", ids[0], list(byOperation[ids[0]]))
	p.Others = ids
	return p
}

// hold gives the areas to r's operation. The caller holds e.mu and has asked taken.
func (e *Engine) hold(r *runner) {
	e.running[r.op.ID] = r
	for _, a := range r.op.Areas {
		e.holders[a] = r.op.ID
		e.turns[a]++
	}
}

// release takes them back and wakes the reconciler. The caller holds e.mu.
func (e *Engine) release(r *runner) {
	for _, a := range r.op.Areas {
		if e.holders[a] == r.op.ID {
			delete(e.holders, a)
		}
	}
	close(e.ended)
	e.ended = make(chan struct{})
}

// whenEnded is closed when the next operation ends.
func (e *Engine) whenEnded() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// turnsNow returns how often each area has been taken, and who holds one now.
func (e *Engine) turnsNow() (turns map[string]uint64, held map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.turns), maps.Clone(e.holders)
}

// list is "a", "a and b", "a, b and c".
func list(names []string) string {
	text := ""
	for i, n := range names {
		switch {
		case i == 0:
			text = n
		case i == len(names)-1:
			text += " and " + n
		default:
			text += ", " + n
		}
	}
	return text
}
