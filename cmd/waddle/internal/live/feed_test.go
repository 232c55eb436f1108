package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/console"
)

func TestAStepFollowsItsEvents(t *testing.T) {
	b := NewBoard(console.Style{}, start)
	Seed(b, client.OperationStep{ID: "a", Title: "A", State: client.StepStatePending})
	for _, e := range []client.Event{
		{Type: "step", Step: "a", State: "running", Time: at(1), Message: "begins"},
		{Type: "progress", Step: "a", Time: at(2), Message: "half", Progress: &client.Progress{Done: 1, Total: 2, Unit: "nodes"}},
		{Type: "operation", State: "running", Time: at(2)},
		{Type: "step", Step: "stranger", State: "running", Time: at(2)},
	} {
		Update(b, e)
	}
	got, _ := b.Get("a")
	want := Step{ID: "a", Title: "A", State: "running", Message: "half", Done: 1, Total: 2, Unit: "nodes", Started: at(1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("while it runs (-want +got):\n%s", diff)
	}
	Update(b, client.Event{Type: "step", Step: "a", State: "changed", Time: at(3)})
	if got, _ := b.Get("a"); got.State != "changed" || !got.Ended.Equal(at(3)) {
		t.Errorf("after its end it is %+v", got)
	}
	if _, known := b.Get("stranger"); known {
		t.Error("a step that the operation does not have is shown")
	}
}

func TestOldEventsDoNotBringAnEndedStepBack(t *testing.T) {
	b := NewBoard(console.Style{}, start)
	Seed(b, client.OperationStep{ID: "a", Title: "A", State: client.StepStateFailed, Error: &client.Failure{Detail: "cannot do it"}})
	Update(b, client.Event{Type: "step", Step: "a", State: "running", Time: at(1)})
	if got, _ := b.Get("a"); got.State != "failed" || got.Message != "cannot do it" {
		t.Errorf("the step is %+v", got)
	}
}

func TestLookingAgainKeepsTheProgressOfARunningStep(t *testing.T) {
	b := NewBoard(console.Style{}, start)
	b.Set(Step{ID: "a", Title: "A", State: "running", Done: 3, Total: 4, Unit: "nodes"})
	Seed(b, client.OperationStep{ID: "a", Title: "A", State: client.StepStateRunning})
	if got, _ := b.Get("a"); got.Done != 3 || got.Total != 4 {
		t.Errorf("the progress is lost: %+v", got)
	}
}
