package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waddle-social/waddle/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Kinds of kernel events, as a driver names them.
const (
	eventLink  = "link"
	eventRules = "rules"
)

// world is what the steps of a test look at and change. It prints itself as
// sorted text.
type world struct {
	mu      sync.Mutex
	things  map[string]string
	applied map[string]int // calls of Apply, per step
	checked map[string]int // calls of Check, per step
	broken  map[string]error
	faults  []string // rules that were broken
	needs   map[string][]string
	hit     func(op string) error // called between the halves of a change; nil for nothing
}

func newWorld() *world {
	return &world{things: map[string]string{}, applied: map[string]int{}, checked: map[string]int{}, broken: map[string]error{}, needs: map[string][]string{}}
}

func (w *world) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(w.things)) {
		lines = append(lines, k+"="+w.things[k])
	}
	return strings.Join(lines, "\n")
}

func (w *world) get(k string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.things[k]
}

func (w *world) set(k, v string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v == "" {
		delete(w.things, k)
		return
	}
	w.things[k] = v
}

func (w *world) breaks(id string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken[id] = err
}

func (w *world) calls(m map[string]int, id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return m[id]
}

// step makes the thing with the step's id say want. It can be undone.
func (w *world) step(id string, phase int, needs ...string) Step {
	return w.stepTo(id, "yes", phase, needs...)
}

func (w *world) stepTo(id, want string, phase int, needs ...string) Step {
	w.needs[id] = needs
	return Step{
		ID: id, Phase: phase, Title: "Make " + id, Area: id, Needs: needs, Watches: []string{eventLink},
		Check: func(context.Context) (Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.checked[id]++
			if is := w.things[id]; is != want {
				return Found(Difference{Kind: Create, Object: id, Is: is, Want: want}), nil
			}
			return IsDone(), nil
		},
		Apply: func(context.Context, *Run) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.applied[id]++
			for _, n := range needs {
				if w.things[n] == "" {
					w.faults = append(w.faults, id+" was applied while "+n+" is not done")
				}
			}
			if err := w.broken[id]; err != nil {
				return err
			}
			return w.change(id, want)
		},
		Undo: &Undo{
			Capture: func(context.Context) (json.RawMessage, error) { return json.Marshal(w.get(id)) },
			Show: func(_ context.Context, before json.RawMessage) ([]Difference, error) {
				var was string
				if err := json.Unmarshal(before, &was); err != nil {
					return nil, err
				}
				if is := w.get(id); is != was {
					return []Difference{{Kind: Change, Object: id, Is: is, Want: was}}, nil
				}
				return nil, nil
			},
			Apply: func(_ context.Context, before json.RawMessage, _ *Run) error {
				var was string
				if err := json.Unmarshal(before, &was); err != nil {
					return err
				}
				if err := w.brokenStep("undo " + id); err != nil {
					return err
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.rests(id)
				return w.change(id, was)
			},
		},
	}
}

// rests notes a fault when something that was made on top of the step is there.
func (w *world) rests(id string) {
	for other, needs := range w.needs {
		if slices.Contains(needs, id) && w.applied[other] > 0 && (w.things[other] == "yes" || w.things[other] == "half") {
			w.faults = append(w.faults, id+" was undone while "+other+" rests on it")
		}
	}
}

// change is not atomic: it can be killed before, half way and at the end.
func (w *world) change(id, to string) error {
	for _, v := range []string{"half", to} {
		if w.hit != nil {
			if err := w.hit("world:" + id); err != nil {
				return err
			}
		}
		if w.things[id] = v; v == "" {
			delete(w.things, id)
		}
	}
	return nil
}

func (w *world) brokenStep(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken[id]
}

// gate is open when the thing with its id is there.
func (w *world) gate(id string, phase int, needs ...string) Step {
	return Step{
		ID: id, Phase: phase, Title: "Wait for " + id, Needs: needs, Gate: &Gate{Instruction: "do " + id},
		Check: func(context.Context) (Result, error) {
			if w.get(id) == "" {
				return Found(Difference{Kind: Create, Object: id, Want: "yes"}), nil
			}
			return IsDone(), nil
		},
	}
}

// bench is an engine on a state file that can be killed and started again.
type bench struct {
	t     tester
	path  string
	o     Options
	seam  func(op string) error
	db    *state.DB
	e     *Engine
	graph func() (*Graph, error)
}

// tester is what a bench needs of *testing.T, *testing.B and *rapid.T.
type tester interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newBench(t testing.TB, steps ...Step) *bench {
	return newBenchIn(t, t.TempDir(), steps...)
}

func newBenchIn(t tester, dir string, steps ...Step) *bench {
	b := &bench{t: t, path: filepath.Join(dir, "state.db")}
	b.source("r1", steps...)
	return b
}

// source makes the engine see these steps from now on.
func (b *bench) source(revision string, steps ...Step) {
	g, err := NewGraph(revision, steps)
	b.graph = func() (*Graph, error) { return g, err }
}

func (b *bench) start() *bench {
	b.t.Helper()
	db, err := state.Open(b.path, state.Options{Seam: b.seam})
	if err != nil {
		b.t.Fatal(err)
	}
	o := b.o
	o.State = db
	o.Source = func(context.Context) (*Graph, error) { return b.graph() }
	e, err := New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.db, b.e = db, e
	return b
}

// stop is an orderly end; a kill is one after the seam said that all is over.
func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := errors.Join(b.e.Close(ctx), b.db.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run(req Request) *Operation {
	b.t.Helper()
	op, err := b.e.Start(b.t.Context(), req)
	if err != nil {
		b.t.Fatalf("start: %v", err)
	}
	return b.wait(op.ID)
}

func (b *bench) wait(id string) *Operation {
	b.t.Helper()
	op, err := b.e.Wait(b.t.Context(), id)
	if err != nil {
		b.t.Fatalf("wait for %s: %v", id, err)
	}
	return op
}

func (b *bench) apply() *Operation {
	b.t.Helper()
	return b.run(Request{Kind: KindApply, Caller: Caller{Name: "test", From: "here"}})
}

// outcome is an operation's end in short: its state, and each step's.
func outcome(op *Operation) string {
	lines := []string{string(op.State)}
	for _, s := range op.Steps {
		lines = append(lines, fmt.Sprintf("%s %s", s.ID, s.State))
	}
	return strings.Join(lines, "\n")
}

func want(t testing.TB, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Fatalf("%s:\n%s\nwant:\n%s", what, got, wanted)
	}
}

func lines(l ...string) string { return strings.Join(l, "\n") }
