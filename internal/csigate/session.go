package csigate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// session is one channel: at most a terminal that is asked for, then one command.
type session struct {
	c        *client
	ch       ssh.Channel
	terminal bool
}

// serve answers requests until the client closes the channel. That cancels what
// may be cancelled of its command.
func (s *session) serve(requests <-chan *ssh.Request) {
	defer s.ch.Close()
	ctx, gone := context.WithCancelCause(context.Background())
	defer gone(nil)
	var done chan struct{}
	for {
		select {
		case r, open := <-requests:
			if !open {
				gone(errGone)
				if done != nil {
					<-done
				}
				return
			}
			if started := s.request(ctx, r, done != nil); started != nil {
				done = started
			}
		case <-done:
			s.linger(requests)
			return
		}
	}
}

var errGone = errors.New("the client went away")

// linger closes the channel and takes what still arrives on it until the client
// has closed it too, so that the last bytes are not lost.
func (s *session) linger(requests <-chan *ssh.Request) {
	_ = s.ch.Close()
	go func() {
		for r := range requests {
			refuse(r)
		}
	}()
}

func refuse(r *ssh.Request) {
	if r.WantReply {
		_ = r.Reply(false, nil)
	}
}

// request answers one request; the answer is a channel when it started a command.
func (s *session) request(ctx context.Context, r *ssh.Request, busy bool) chan struct{} {
	switch {
	case r.Type == "pty-req" && !busy:
		s.terminal = true
		if r.WantReply {
			_ = r.Reply(true, nil)
		}
		return nil
	case r.Type == "exec" && !busy:
		var payload struct{ Command string }
		if err := ssh.Unmarshal(r.Payload, &payload); err != nil || !s.c.s.enter() {
			refuse(r)
			return nil
		}
		if r.WantReply {
			_ = r.Reply(true, nil)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer s.c.s.leave()
			s.run(ctx, payload.Command)
		}()
		return done
	}
	if r.Type != "window-change" && r.Type != "signal" {
		s.c.rejected("a request of type " + printable(r.Type))
	}
	refuse(r)
	return nil
}

// run runs one command to its exit status.
func (s *session) run(ctx context.Context, text string) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, s.c.s.o.Limits.Command, errTooLong)
	defer cancel()
	ctx, halted := context.WithCancelCause(ctx)
	defer halted(nil)
	defer context.AfterFunc(s.c.s.hard, func() { halted(execute.ErrStopped) })()

	command, answer := s.answer(ctx, text)
	answer = s.bounded(answer)
	s.c.s.o.Audit(s.record(began, text, command, answer))
	s.send(answer)
}

// answer parses a command and waits for it to be run.
func (s *session) answer(ctx context.Context, text string) (grammar.Command, execute.Answer) {
	server := s.c.s
	c, err := grammar.Parse(server.o.Executor.Layout(), text)
	if err != nil {
		return nil, refusal(err)
	}
	release, err := server.wait(ctx)
	if err != nil {
		return c, refusal(err)
	}
	result := make(chan execute.Answer, 1)
	go func() {
		defer release()
		result <- run(ctx, server.o.Executor, c)
	}()
	select {
	case a := <-result:
		return c, a
	case <-server.abandon:
		return c, refusal(fmt.Errorf("waddled is stopping and the kernel has not finished this; waddled will look after it when it is back"))
	}
}

// run runs a command. A fault of ours is an answer too: without one the driver
// would think that all went well.
func run(ctx context.Context, e Executor, c grammar.Command) (a execute.Answer) {
	defer func() {
		if fault := recover(); fault != nil {
			a = refusal(fmt.Errorf("waddled has a defect and did not finish this; its log says more"))
			a.Err = fmt.Errorf("a defect in waddled: %v: %s", fault, debug.Stack())
		}
	}()
	return e.Run(ctx, c)
}

func refusal(err error) execute.Answer {
	return execute.Answer{Stderr: []byte(grammar.Neutral(err.Error()) + "\n"), Code: 1, Err: err}
}

func (s *session) record(began time.Time, text string, c grammar.Command, a execute.Answer) Record {
	r := Record{Time: began, User: s.c.user, Key: s.c.key, From: s.c.from, Command: audited(text), Duration: time.Since(began), Code: a.Code}
	if c != nil {
		r.Op, r.Object = c.Op(), c.On(s.c.s.o.Executor.Layout())
	}
	switch {
	case a.Err != nil && grammar.IsRefusal(a.Err):
		r.Outcome, r.Reason = Refused, audited(a.Err.Error())
	case a.Err != nil:
		r.Outcome, r.Reason = Failed, audited(a.Err.Error())
	case a.Code != 0:
		r.Outcome, r.Reason = Failed, audited(string(a.Stderr)+string(a.Stdout))
	default:
		r.Outcome = Done
	}
	return r
}
