package engine

import (
	"context"
	"slices"
	"sync"
)

// outside answers for needs that the operation does not apply itself. Each is
// looked at once.
type outside struct {
	r     *runner
	mu    sync.Mutex
	asked map[string]*answer
}

type answer struct {
	once sync.Once
	done bool
}

func newOutside(r *runner) *outside {
	return &outside{r: r, asked: map[string]*answer{}}
}

// missing returns the needs of s that are not done.
func (o *outside) missing(ctx context.Context, s *Step) (ids []string) {
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
	o.mu.Lock()
	a := o.asked[id]
	if a == nil {
		a = &answer{}
		o.asked[id] = a
	}
	o.mu.Unlock()
	a.once.Do(func() { a.done = o.look(ctx, id) })
	return a.done
}

// look checks a step that is not selected, unless it cannot be done yet.
func (o *outside) look(ctx context.Context, id string) bool {
	s, ok := o.r.graph.Step(id)
	if !ok {
		return false
	}
	if !s.CheckEarly && slices.ContainsFunc(s.Needs, func(n string) bool { return !o.isDone(ctx, n) }) {
		return false
	}
	found, err := o.r.e.check(ctx, s)
	return err == nil && found.Settled()
}
