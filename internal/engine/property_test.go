package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// picture is a random graph, with what fails and which gates are closed.
type picture struct {
	steps  []drawn
	broken map[string]bool
	before map[string]string
}

type drawn struct {
	id, area string
	phase    int
	gate     bool
	needs    []string
}

func draw(t *rapid.T) picture {
	p := picture{broken: map[string]bool{}, before: map[string]string{}}
	for i := range rapid.IntRange(1, 9).Draw(t, "steps") {
		d := drawn{id: fmt.Sprint("s", i), phase: rapid.IntRange(0, 2).Draw(t, "phase"), area: fmt.Sprint("area", rapid.IntRange(0, 2).Draw(t, "area"))}
		d.gate = rapid.IntRange(0, 6).Draw(t, "gate") == 0
		for j := range i {
			if rapid.IntRange(0, 3).Draw(t, "need") == 0 {
				d.needs = append(d.needs, fmt.Sprint("s", j))
			}
		}
		switch rapid.IntRange(0, 7).Draw(t, "state") {
		case 0:
			p.before[d.id] = "yes"
		case 1:
			p.before[d.id] = "by hand"
		case 2:
			p.broken[d.id] = true
		}
		if d.gate && p.before[d.id] == "by hand" {
			delete(p.before, d.id)
		}
		p.steps = append(p.steps, d)
	}
	return p
}

// build makes a fresh world with the steps of the picture. An Apply notes that
// its operation is in the area, and a fault when another one is.
func (p picture) build() (*world, []Step) {
	w := newWorld()
	in := map[string]map[string]int{} // area → operation → how many steps
	var mu sync.Mutex
	enter := func(area, operation string, n int) {
		mu.Lock()
		defer mu.Unlock()
		if in[area] == nil {
			in[area] = map[string]int{}
		}
		in[area][operation] += n
		if in[area][operation] == 0 {
			delete(in[area], operation)
		}
		if len(in[area]) > 1 {
			w.mu.Lock()
			w.faults = append(w.faults, fmt.Sprintf("several operations in %s: %v", area, in[area]))
			w.mu.Unlock()
		}
	}
	var steps []Step
	for _, d := range p.steps {
		if d.gate {
			steps = append(steps, w.gate(d.id, d.phase, d.needs...))
			continue
		}
		s := w.step(d.id, d.phase, d.needs...)
		s.Area = d.area
		apply := s.Apply
		s.Apply = func(ctx context.Context, r *Run) error {
			enter(d.area, r.Operation, 1)
			defer enter(d.area, r.Operation, -1)
			runtime.Gosched()
			return apply(ctx, r)
		}
		steps = append(steps, s)
	}
	for id, v := range p.before {
		w.set(id, v)
	}
	for id := range p.broken {
		w.breaks(id, errors.New("broken"))
	}
	return w, steps
}

func TestWhateverHappensTheEndIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		kind := rapid.SampledFrom([]OperationKind{KindApply, KindApply, KindUndo}).Draw(t, "kind")
		lives := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 3).Draw(t, "killed at")
		cancelAt := rapid.IntRange(-40, 40).Draw(t, "cancelled at")

		if cancelAt > 0 {
			end, w := p.live(t, kind, lives, cancelAt)
			if end.State == OpRunning {
				t.Fatalf("a cancelled operation did not end: %s", outcome(end))
			}
			t.Logf("cancelled: %s", end.State)
			p.sound(t, w)
			return
		}
		wanted, calm := p.live(t, kind, nil, 0)
		got, w := p.live(t, kind, lives, 0)
		p.sound(t, w)
		if got.State != wanted.State || outcome(got) != outcome(wanted) || w.String() != calm.String() {
			t.Fatalf("killed at %v:\n%s\n%s\nwant:\n%s\n%s", lives, outcome(got), w, outcome(wanted), calm)
		}
	})
}

func (p picture) sound(t *rapid.T, w *world) {
	if len(w.faults) > 0 {
		t.Fatal(w.faults)
	}
}

// live runs one operation through lives that end at the given points. After a
// cancel it applies once more, which has to end as if there had been none.
func (p picture) live(t *rapid.T, kind OperationKind, lives []int, cancelAt int) (*Operation, *world) {
	w, steps := p.build()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := newBenchIn(t, dir, steps...)
	if kind == KindUndo {
		b.start()
		b.apply()
		if g, _ := b.graph(); b.e.undoable(g, g.closure(pointers(g.Steps))) != nil {
			kind = KindApply // there is nothing to undo
		}
		b.stop()
	}
	nth := 0
	for _, at := range append(slices.Clone(lives), 0) {
		k := &killer{at: at}
		hit := k.hit
		var once sync.Once
		cancel := make(chan struct{})
		if cancelAt > 0 {
			hit = func(op string) error {
				k.mu.Lock()
				nth++
				if nth >= cancelAt {
					once.Do(func() { close(cancel) })
				}
				k.mu.Unlock()
				return k.hit(op)
			}
		}
		b.seam, w.hit = hit, hit
		id := b.begin(kind)
		if id != "" {
			asked := make(chan struct{})
			over := make(chan struct{})
			go func() {
				defer close(asked)
				select {
				case <-cancel:
					_, _ = b.e.Cancel(context.Background(), id, Caller{Name: "test"})
				case <-over:
				}
			}()
			b.untilDeadOrDone(k, id)
			close(over)
			<-asked
		}
		b.stop()
		w.hit = nil
	}
	b.seam = nil
	b.start()
	defer b.stop()
	ops, _, err := b.e.Operations(OperationFilter{Kinds: []OperationKind{kind}, Limit: 1})
	if err != nil || len(ops) == 0 {
		t.Fatalf("no operation: %v", err)
	}
	if cancelAt > 0 {
		b.apply()
		_, fresh := p.live(t, KindApply, nil, 0)
		if w.String() != fresh.String() {
			t.Fatalf("after a cancel and another apply:\n%s\nwant:\n%s", w, fresh)
		}
	}
	return &ops[0], w
}

func pointers(steps []Step) (all []*Step) {
	for i := range steps {
		all = append(all, &steps[i])
	}
	return all
}

func TestRivalsNeverShareAnArea(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := draw(t)
		w, steps := p.build()
		dir, err := os.MkdirTemp("", "engine")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		b := newBenchIn(t, dir, steps...).start()
		var wg sync.WaitGroup
		for range 4 {
			ids := rapid.SliceOfNDistinct(rapid.SampledFrom(p.steps), 1, len(p.steps), func(d drawn) string { return d.id }).Draw(t, "selected")
			sel := Selection{}
			for _, d := range ids {
				sel.Steps = append(sel.Steps, d.id)
			}
			wg.Go(func() {
				if op, err := b.e.Start(context.Background(), Request{Kind: KindApply, Selection: sel}); err == nil {
					_, _ = b.e.Wait(context.Background(), op.ID)
				}
			})
		}
		wg.Wait()
		b.stop()
		p.sound(t, w)
	})
}
