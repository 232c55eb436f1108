package engine

import (
	"context"
	"slices"
	"sync"
)

// runner carries one operation to its end. The journal is ahead of it: what it
// has in memory has been written before.
type runner struct {
	e     *Engine
	graph *Graph
	op    *Operation // Steps is guarded by mu
	at    map[string]int
	first map[string][]string // per step, the selected ones that come before it
	needs *outside

	mu        sync.Mutex
	cancelled bool
	halted    error // the journal cannot be written: nothing more is done
}

func newRunner(e *Engine, g *Graph, op *Operation) *runner {
	r := &runner{e: e, graph: g, op: op, at: map[string]int{}, cancelled: op.Cancel}
	var selected []*Step
	for i, s := range op.Steps {
		r.at[s.ID] = i
		if step, ok := g.Step(s.ID); ok {
			selected = append(selected, step)
		}
	}
	r.first = g.before(selected)
	if op.Kind == KindUndo {
		r.first = turned(r.first, r.at)
	}
	r.needs = newOutside(r)
	return r
}

// turned makes of "comes after" "comes before", among the selected steps.
func turned(first map[string][]string, selected map[string]int) map[string][]string {
	back := make(map[string][]string, len(first))
	for id, before := range first {
		if _, in := selected[id]; !in {
			continue
		}
		for _, b := range before {
			back[b] = append(back[b], id)
		}
	}
	for _, after := range back {
		slices.Sort(after)
	}
	return back
}

func (r *runner) cancel() {
	r.mu.Lock()
	r.cancelled = true
	r.mu.Unlock()
}

// ctx is the context of every step. It ends when Close has waited long enough.
func (r *runner) ctx() context.Context { return r.e.ctx }

// run starts what is ready until nothing is left or may be started, and then
// writes how it ended.
func (r *runner) run() {
	finished := make(chan struct{})
	started := map[int]bool{}
	running := 0
	for {
		for _, i := range r.ready(started, r.e.o.Parallel-running) {
			started[i] = true
			running++
			go func() {
				r.step(i)
				finished <- struct{}{}
			}()
		}
		if running == 0 {
			break
		}
		<-finished
		running--
	}
	r.finish()
}
