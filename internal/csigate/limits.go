package csigate

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// wait takes a command's place among those that may run.
func (s *Server) wait(ctx context.Context) (release func(), err error) {
	if s.stopping.Err() != nil {
		return nil, grammar.Refuse("waddled is stopping and takes no new commands; try again")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	if err := s.rate.Wait(ctx); err != nil {
		return nil, s.notRun(ctx, err)
	}
	select {
	case s.running <- struct{}{}:
		return func() { <-s.running }, nil
	case <-ctx.Done():
		return nil, s.notRun(ctx, context.Cause(ctx))
	}
}

// notRun says why a command that waited for its turn was not run: ctx ended, or
// its turn would only have come after its end.
func (s *Server) notRun(ctx context.Context, why error) error {
	if s.stopping.Err() != nil {
		return grammar.Refuse("waddled is stopping and takes no new commands; try again")
	}
	if cause := context.Cause(ctx); cause != nil {
		why = cause
	}
	return grammar.Refuse("the command waited for its turn and was not run: %v; try again", why)
}

// bounded replaces an answer that is too large.
func (s *session) bounded(a execute.Answer) execute.Answer {
	most := s.c.s.o.Limits.Output
	if size := len(a.Stdout) + len(a.Stderr); size > most {
		return refusal(fmt.Errorf("waddled does not send %d bytes of output, %d is the most; are there too many volumes or snapshots?", size, most))
	}
	return a
}
