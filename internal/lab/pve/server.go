package pve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

const closeWait = 5 * time.Second // for calls that are being answered

// Server is a simulated node. It serves from Open until Close.
type Server struct {
	o      Options
	ln     net.Listener
	http   *http.Server
	routes map[string][]route

	mu    sync.Mutex // guards what follows
	st    state
	live  map[int]*machine              // the guests that run, by VM
	locks map[string]chan struct{}      // Proxmox's lock files, by path
	stops map[string]context.CancelFunc // the workers that run, by UPID
	seen  map[string]bool               // the steps that tasks have made: "qmcreate import"

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Open starts a node whose state is in o.Dir; what ran when it was closed or killed runs again.
// Errors say what of the directory or the listener is unusable.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("cannot open a simulated node: no directory was named")
	}
	s := &Server{o: o.withDefaults(), live: map[int]*machine{}, locks: map[string]chan struct{}{}, stops: map[string]context.CancelFunc{}, seen: map[string]bool{}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot open a simulated node: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("cannot open a simulated node: %w", err)
	}
	s.routes = routes(schema.Endpoints())
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.listen(); err != nil {
		s.cancel()
		return nil, err
	}
	s.resume()
	return s, nil
}

func (s *Server) listen() error {
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	s.ln = s.o.Listener
	if s.ln == nil {
		if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("cannot open a simulated node: %w", err)
		}
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
		// pveproxy speaks HTTP/1.1 only, and its errors are in the reason phrase.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	secure := tls.NewListener(s.ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	s.work.Go(func() { _ = s.http.Serve(secure) })
	return nil
}

// URL is where the API is: https://127.0.0.1:PORT/api2/json.
func (s *Server) URL() string { return "https://" + s.ln.Addr().String() + "/api2/json" }

// Node is the node's name.
func (s *Server) Node() string { return s.o.Node }

// Close ends the API, the tasks' workers and the guests, and keeps the state. VMs that ran stay
// plugged in, and run again after the next Open.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.mu.Lock()
	guests := s.live
	s.live = map[int]*machine{}
	s.mu.Unlock()
	for _, m := range guests {
		m.running.Stop()
	}
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.save())
}

func (s *Server) now() time.Time { return time.Now() }

// with changes the state, and keeps it.
func (s *Server) with(change func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(change(), s.save())
}
