package csigate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/waddle-social/waddle/internal/csigate/execute"
)

// Server is the endpoint. It serves one listener.
type Server struct {
	o       Options
	rate    *rate.Limiter
	running chan struct{} // one token for each command that may run

	stopping context.Context // ends when no new command is taken
	stop     context.CancelFunc
	hard     context.Context // ends when running commands have to end
	halt     context.CancelCauseFunc
	abandon  chan struct{} // closed when commands that still run are not waited for

	mu       sync.Mutex
	conns    map[net.Conn]*guest
	arrivals uint64
	active   int           // commands, from their arrival until their exit status is out
	idle     chan struct{} // somebody waits for no command to be active
	closed   bool          // no command is taken at all, as connections are being closed
	handlers sync.WaitGroup
}

// New returns a server.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{o: o, conns: map[net.Conn]*guest{}, running: make(chan struct{}, o.Limits.Running), abandon: make(chan struct{}),
		rate: rate.NewLimiter(rate.Limit(o.Limits.Rate), o.Limits.Burst)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.hard, s.halt = context.WithCancelCause(context.Background())
	return s, nil
}

// Serve takes connections until ctx ends. Then it takes no new command, lets
// those that run finish, tells every client how its command ended, and only then
// closes the connections: the driver takes a lost connection for success. The
// listener is closed. Serve is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.halt(nil)
	defer s.stop()
	release := context.AfterFunc(ctx, func() {
		s.stop()
		_ = l.Close() // wakes Accept; there is nothing to do about an error
	})
	defer release()
	err := s.accept(l)
	s.drain()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("cannot go on serving the storage endpoint at %s: %w", l.Addr(), err)
}

func (s *Server) accept(l net.Listener) error {
	defer s.stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			_ = l.Close()
			return err
		}
		if reason := s.admit(conn); reason != "" {
			_ = conn.Close()
			s.o.Audit(Record{Time: time.Now(), From: conn.RemoteAddr().String(), Outcome: Rejected, Reason: reason})
			continue
		}
		s.handlers.Go(func() { s.connection(conn) })
	}
}

func (s *Server) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close() // mostly closed already
}

// drain waits for commands, first patiently, and closes the connections.
func (s *Server) drain() {
	late := time.AfterFunc(s.o.Limits.Drain, func() { s.halt(execute.ErrStopped) })
	defer late.Stop()
	tooLate := time.AfterFunc(s.o.Limits.Drain+s.o.Limits.Grace, func() { close(s.abandon) })
	defer tooLate.Stop()
	// Every command has its answer by then; a client that does not take it is not
	// waited for.
	last := time.AfterFunc(s.o.Limits.Drain+s.o.Limits.Grace+parting, s.cut)
	defer last.Stop()
	for {
		idle := s.close()
		if idle == nil {
			break
		}
		<-idle
	}
	s.handlers.Wait()
}

// close closes all connections unless a command is active: then what it returns
// says when to try again.
func (s *Server) close() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active > 0 {
		s.idle = make(chan struct{})
		return s.idle
	}
	s.closed = true
	for conn := range s.conns {
		hangUp(conn)
	}
	return nil
}

// cut closes all connections, whatever is under way on them.
func (s *Server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// parting is how long a client may take to read the last of what it was sent.
const parting = 2 * time.Second

// hangUp ends a connection from our side only. Closing it while something of the
// client's is unread, if only that it closed a channel, would be a reset, and
// that takes an exit status with it that is still on its way.
func hangUp(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(parting))
	if half, can := conn.(interface{ CloseWrite() error }); can {
		_ = half.CloseWrite()
		return
	}
	_ = conn.Close()
}

// enter registers a command. Once connections are being closed none is taken,
// and the driver is told so by the refusal of its request.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.active++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active--; s.active == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

var errTooLong = errors.New("it took longer than one command may")
