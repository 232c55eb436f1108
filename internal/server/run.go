package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/listen"
)

// Timeouts of connections. Those of an answer are set request by request.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 16 << 10
)

// Run serves the unix socket and, where the platform wants it, TLS, until ctx
// ends. Then it takes no new request, ends the streams, and waits for running
// requests for Options.Drain at most. Only a unix socket that cannot be had is
// an error: a busy TCP port is tried again and shown in the status.
func (s *Server) Run(ctx context.Context) error {
	l, err := listen.Unix(s.o.Socket, s.o.Group)
	s.unix.set(s.o.Socket, err)
	if err != nil {
		return err
	}
	plain := s.httpServer()
	secure := s.httpServer()
	secure.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.certs.Certificate}

	work, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	news := s.o.Engine.Events(s.draining, engine.EventFilter{New: true}) // before the first request can begin an operation
	wg.Go(func() { s.metrics.follow(news) })
	wg.Go(func() { s.serve(plain.Serve, l) })
	serveTLS := func(l net.Listener) error { return secure.ServeTLS(l, "", "") }
	wg.Go(func() { s.follower.Run(work, func(l net.Listener) { s.serve(serveTLS, l) }) })
	s.o.Log.Info("the API listens", "address", s.o.Socket)
	s.o.Ready()

	<-ctx.Done()
	s.drain()
	stop() // first: a follower whose listener a shutdown closes would open it again
	err = errors.Join(s.shutdown(plain), s.shutdown(secure))
	wg.Wait()
	return err
}

func (s *Server) httpServer() *http.Server {
	srv := &http.Server{
		Handler: s.Handler(), ConnContext: ConnContext, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerBytes, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		Protocols: new(http.Protocols),
	}
	// One protocol, one behaviour of deadlines and streams; nothing here gains from HTTP/2.
	srv.Protocols.SetHTTP1(true)
	return srv
}

func (s *Server) serve(serve func(net.Listener) error, l net.Listener) {
	if err := serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.o.Log.Error("a listener of the API has failed", "address", l.Addr().String(), "error", err)
	}
}

// shutdown lets running requests end, and cuts off those that do not.
func (s *Server) shutdown(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Drain)
	defer cancel()
	err := srv.Shutdown(ctx)
	if err != nil && !errors.Is(err, net.ErrClosed) { // the follower has closed its listener already
		return errors.Join(errors.New("cannot wait any longer for the running requests"), srv.Close())
	}
	return nil
}

// ConnContext marks a connection with the time at which it was opened, and one of the
// unix socket with the process at its other end, which authenticate looks at.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, openedKey{}, openedOf(c))
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	peer, err := listen.PeerOf(u)
	return context.WithValue(ctx, peerKey{}, peerOrError{Peer: peer, err: err})
}
