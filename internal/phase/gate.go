package phase

import (
	"context"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
)

// Acknowledgements knows which gates a person has closed.
type Acknowledgements interface {
	Acknowledgement(step string) (*engine.Acknowledgement, bool)
}

// byHand is a gate for a step that a person carries out and then acknowledges.
func byHand(acks Acknowledgements, s engine.Step, instruction string) engine.Step {
	s.Gate = &engine.Gate{Instruction: instruction, Acknowledge: true}
	s.Check = func(context.Context) (engine.Result, error) {
		a, ok := acks.Acknowledgement(s.ID)
		if !ok {
			return engine.Unknowable(instruction), nil
		}
		note := fmt.Sprintf("acknowledged by %s at %s", a.By.Name, a.At.UTC().Format(time.RFC3339))
		if a.Note != "" {
			note += ": " + a.Note
		}
		return engine.IsDone(note), nil
	}
	return s
}
