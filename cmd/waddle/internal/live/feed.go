package live

import "github.com/waddle-social/waddle/client"

// Seed takes over what the journal knows of a step.
func Seed(b *Board, s client.OperationStep) {
	step := Step{ID: s.ID, Title: s.Title, State: string(s.State), Message: s.Message, Started: s.Started, Ended: s.Ended}
	if s.Error != nil {
		step.Message = s.Error.Detail
	}
	if old, ok := b.Get(s.ID); ok && s.State == client.StepStateRunning {
		step.Done, step.Total, step.Unit = old.Done, old.Total, old.Unit
	}
	b.Set(step)
}

// Update takes over an event. A step that has ended stays as it is: the stream
// starts with the operation's first event, which the journal may be ahead of.
func Update(b *Board, e client.Event) {
	s, known := b.Get(e.Step)
	if !known || Final(s.State) {
		return
	}
	if e.Message != "" {
		s.Message = e.Message
	}
	if e.Progress != nil {
		s.Done, s.Total, s.Unit = e.Progress.Done, e.Progress.Total, e.Progress.Unit
	}
	if e.Type == "step" && e.State != "" {
		s.State = e.State
		if e.State == "running" {
			s.Started, s.Message = e.Time, ""
		}
		if Final(e.State) {
			s.Ended = e.Time
		}
	}
	b.Set(s)
}
