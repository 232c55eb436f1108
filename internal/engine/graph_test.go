package engine

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
)

func TestNewGraphRefusesWhatIsNotWellFormed(t *testing.T) {
	w := newWorld()
	ok := w.step("a", 0)
	with := func(change func(s *Step)) []Step {
		s := w.step("b", 0)
		change(&s)
		return []Step{ok, s}
	}
	for name, row := range map[string]struct {
		steps []Step
		says  string
	}{
		"two steps with one id":                    {[]Step{ok, ok}, "step a: declared twice"},
		"a need that does not exist":               {with(func(s *Step) { s.Needs = []string{"x"} }), "step b: needs x, which does not exist"},
		"a step without an id":                     {with(func(s *Step) { s.ID = "" }), "has no ID"},
		"a step without a check":                   {with(func(s *Step) { s.Check = nil }), "step b: has no Check"},
		"a step without an apply":                  {with(func(s *Step) { s.Apply = nil }), "step b: has no Apply"},
		"a step that changes no area":              {with(func(s *Step) { s.Area = "" }), "step b: has no Area"},
		"a gate with an apply":                     {with(func(s *Step) { s.Gate = &Gate{}; s.Undo = nil }), "step b: is a gate, so it must have no Apply"},
		"a gate with an undo":                      {with(func(s *Step) { s.Gate = &Gate{}; s.Apply = nil }), "step b: is a gate, so it must have no Undo"},
		"a gate that nobody decides":               {with(func(s *Step) { s.Gate = &Gate{}; s.Apply, s.Undo, s.Check = nil, nil, nil }), "step b: has no Check"},
		"an undo that cannot show what it does":    {with(func(s *Step) { s.Undo.Show = nil }), "step b: has an Undo without Capture, Show or Apply"},
		"an undo that captures nothing":            {with(func(s *Step) { s.Undo.Capture = nil }), "step b: has an Undo without Capture, Show or Apply"},
		"a step that needs itself":                 {with(func(s *Step) { s.Needs = []string{"b"} }), "in a circle: b → b"},
		"steps that need each other, and the rest": {[]Step{ok, w.step("b", 0, "d"), w.step("c", 0, "b"), w.step("d", 1, "c", "a")}, "in a circle: b → d → c → b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewGraph("r1", row.steps)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Fatalf("got %v, want %q in it", err, row.says)
			}
		})
	}
}

func TestGraphIsOrderedByNeedsThenPhaseThenDeclaration(t *testing.T) {
	w := newWorld()
	g, err := NewGraph("r1", []Step{
		w.step("late", 2), w.step("second", 1), w.step("third", 1),
		w.step("first", 0), w.step("early-but-needs-late", 0, "late"), w.step("end", 3, "third"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range g.Steps {
		ids = append(ids, s.ID)
	}
	want(t, "order", strings.Join(ids, " "), "first second third late early-but-needs-late end")
}

func TestSelect(t *testing.T) {
	w := newWorld()
	g, err := NewGraph("r1", []Step{w.step("a", 0), w.step("b", 1), w.step("c", 1)})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		sel  Selection
		ids  string
		code problem.Code
	}{
		"nothing said means all":             {Selection{}, "a b c", ""},
		"one phase":                          {Selection{Phases: []int{1}}, "b c", ""},
		"steps come in the graph's order":    {Selection{Steps: []string{"c", "a"}}, "a c", ""},
		"steps of a phase":                   {Selection{Phases: []int{1}, Steps: []string{"a", "b"}}, "b", ""},
		"a step that does not exist":         {Selection{Steps: []string{"x"}}, "", problem.NotFound},
		"a phase that has no steps":          {Selection{Phases: []int{6}}, "", problem.NotFound},
		"a step that is not in the phase":    {Selection{Phases: []int{1}, Steps: []string{"a"}}, "", problem.NotFound},
		"one that exists and one that fails": {Selection{Phases: []int{0, 5}}, "", problem.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			steps, err := g.Select(row.sel)
			if row.code != "" {
				if !problem.Is(err, row.code) {
					t.Fatalf("got %v, want %s", err, row.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, s := range steps {
				ids = append(ids, s.ID)
			}
			want(t, "selected", strings.Join(ids, " "), row.ids)
		})
	}
}
