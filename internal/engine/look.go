package engine

import (
	"context"
	"sync"
)

// looks is what the checks of some steps, and of all that they need, answered.
type looks struct {
	graph   *Graph
	results map[string]Result
	errs    map[string]error
}

// look checks the steps and what they need, side by side, each after its needs.
func (e *Engine) look(ctx context.Context, g *Graph, steps []*Step) *looks {
	all := g.closure(steps)
	l := &looks{graph: g, results: make(map[string]Result, len(all)), errs: map[string]error{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, e.o.Parallel)
	answered := make(map[string]chan struct{}, len(all))
	for _, s := range all {
		answered[s.ID] = make(chan struct{})
	}
	for _, s := range all {
		wg.Go(func() {
			defer close(answered[s.ID])
			for _, n := range s.Needs {
				<-answered[n]
			}
			mu.Lock()
			missing := l.missing(s)
			mu.Unlock()
			if len(missing) > 0 && !s.CheckEarly {
				mu.Lock()
				l.results[s.ID] = Unknowable("not knowable before "+isAre(missing)+" done", missing...)
				mu.Unlock()
				return
			}
			slots <- struct{}{}
			r, err := e.check(ctx, s)
			<-slots
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				l.errs[s.ID] = err
				r = Unknowable("the check failed: " + err.Error())
			}
			if r.State == Unknown && len(r.WaitsFor) == 0 {
				r.WaitsFor = missing // looked at early, and too early
			}
			l.results[s.ID] = r
		})
	}
	wg.Wait()
	return l
}

// missing returns the step's needs that are not done.
func (l *looks) missing(s *Step) (ids []string) {
	for _, n := range s.Needs {
		if !l.results[n].Settled() {
			ids = append(ids, n)
		}
	}
	return ids
}
