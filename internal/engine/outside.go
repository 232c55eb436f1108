package engine

import (
	"context"
	"slices"
	"sync"
)

// outside answers for needs that the operation does not apply itself.
type outside struct {
	r    *runner
	mu   sync.Mutex
	done map[string]bool
}

func newOutside(r *runner) *outside {
	return &outside{r: r, done: map[string]bool{}}
}

// missing returns the needs of s that are not done.
func (o *outside) missing(ctx context.Context, s *Step) (ids []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range s.Needs {
		if !o.isDone(ctx, n) {
			ids = append(ids, n)
		}
	}
	return ids
}

func (o *outside) isDone(ctx context.Context, id string) bool {
	if i, selected := o.r.at[id]; selected {
		state := o.r.now(i).State
		return state == StepChanged || state == StepUnchanged
	}
	if known, asked := o.done[id]; asked {
		return known
	}
	s, ok := o.r.graph.Step(id)
	if !ok {
		return false
	}
	ready := s.CheckEarly || !slices.ContainsFunc(s.Needs, func(n string) bool { return !o.isDone(ctx, n) })
	if ready {
		found, err := o.r.e.check(ctx, s)
		ready = err == nil && found.State == Done
	}
	o.done[id] = ready
	return ready
}
