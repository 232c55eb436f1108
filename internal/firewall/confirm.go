package firewall

import (
	"context"
	"time"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// Confirm keeps the pending change; id "" is whichever is pending.
func (s *Service) Confirm(ctx context.Context, who Caller, id string, onTheConsole bool) error {
	state, err := s.o.Truth.State(ctx)
	if err != nil {
		return refused(err)
	}
	if id == "" {
		if state.Pending == nil {
			return refused(&confirm.NotPendingError{Last: state.Last})
		}
		id = state.Pending.ID
	}
	proof := confirm.Proof{OpenedAt: who.OpenedAt, By: who.Name, Over: "a new connection from " + who.From}
	switch p := state.Pending; {
	case who.Local && onTheConsole:
		proof.Console, proof.Over = true, "the console"
	case onTheConsole:
		return problem.New(problem.InvalidRequest, "leave it out: over the network a new connection is the proof",
			"cannot confirm the firewall change %s: a caller from %s is not at the host's console", id, who.From)
	case who.Local && p != nil && p.ID == id:
		return refused(&confirm.ProofError{ID: id, Until: p.Deadline.Wall,
			Detail: "a connection from the host itself passes whatever the rules say, so it does not show that they let you in"})
	}
	err = s.o.Truth.Confirm(ctx, id, proof)
	s.Look(context.WithoutCancel(ctx))
	return refused(err)
}

// Rollback takes the pending change back or ends the emergency; id "" is
// whichever is in force.
func (s *Service) Rollback(ctx context.Context, who Caller, id string) error {
	state, err := s.o.Truth.State(ctx)
	if err != nil && state.Emergency == nil {
		return refused(err)
	}
	if id == "" {
		switch {
		case state.Emergency != nil:
			id = state.Emergency.ID
		case state.Pending != nil:
			id = state.Pending.ID
		default:
			return refused(&confirm.NotPendingError{Last: state.Last})
		}
	}
	err = s.o.Truth.Rollback(ctx, id, "rolled back by "+who.Name)
	s.Look(context.WithoutCancel(ctx))
	return refused(err)
}

// Left is how long it is until a deadline.
func (s *Service) Left(d confirm.Deadline) time.Duration { return s.o.Truth.Left(d) }
