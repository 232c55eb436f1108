package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/keys"
	"github.com/waddle-social/waddle/internal/csigate/values"
	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// ServiceOptions is what a Service works with.
type ServiceOptions struct {
	Machine  Machine
	Platform func() (*platform.Platform, error) // the document as it is now
	Log      *slog.Logger
	Limits   csigate.Limits
}

// Service keeps one Backend for the platform as it is now, restores the targets
// when it starts, and serves the endpoint. It is safe for use from several
// goroutines.
type Service struct {
	o    ServiceOptions
	wake chan struct{}

	mu       sync.Mutex
	backends map[string]*Backend // by what they are made of; a document that is changed back finds the same locks again
	record   record
	endpoint Endpoint
	changed  chan struct{} // closed when endpoint changes
}

// NewService returns a Service. It touches nothing.
func NewService(o ServiceOptions) *Service {
	return &Service{o: o, wake: make(chan struct{}, 1), changed: make(chan struct{}), backends: map[string]*Backend{}, endpoint: Endpoint{User: csigate.User, Reason: notServed}}
}

const (
	notServed = "phase 1 has not been applied"
	restoring = "targets are being restored"
)

// Backend returns the Backend of the platform as it is in use now. Without a
// platform it is a problem with the code no_platform. It is one and the same as
// long as what the platform says of storage does not change: its locks have to be
// everybody's.
func (s *Service) Backend() (*Backend, error) {
	p, err := s.Platform()
	if err != nil {
		return nil, err
	}
	return s.open(p)
}

// Of is the Backend of a platform that was read already, or of what stays in use
// under it.
func (s *Service) Of(ctx context.Context, p *platform.Platform) (*Backend, error) {
	p, _, err := s.standing(ctx, p)
	if err != nil {
		return nil, err
	}
	return s.open(p)
}

func (s *Service) open(p *platform.Platform) (*Backend, error) {
	of, err := fingerprint(p)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.backends[of]; b != nil {
		return b, nil
	}
	b, err := Open(s.o.Machine, p)
	if err != nil {
		return nil, err
	}
	s.backends[of] = b
	return b, nil
}

// fingerprint is what a Backend and the endpoint are made of.
func fingerprint(p *platform.Platform) (string, error) {
	text, err := json.Marshal(struct {
		Name    any
		Storage platform.Storage
		Address netip.Addr
		Nodes   []netip.Prefix
	}{p.Metadata.Name, p.Spec.Storage, p.Spec.Network.Internal.Address, csigate.Nodes(p)})
	if err != nil {
		return "", fmt.Errorf("cannot compare platforms: %w", err)
	}
	return string(text), nil
}

// Status is the Backend's, with the endpoint.
func (s *Service) Status(ctx context.Context) (Status, error) {
	b, err := s.Backend()
	if err != nil {
		return Status{}, err
	}
	st, err := b.Status(ctx)
	st.Endpoint = s.Endpoint()
	return st, errors.Join(err, s.against(ctx, &st))
}

// against adds what of the document cannot be followed.
func (s *Service) against(ctx context.Context, st *Status) error {
	p, unread, err := s.document()
	if err != nil {
		return err
	}
	if unread != nil {
		st.Faults = append(st.Faults, fmt.Sprintf("the storage goes on as it was, because the platform document cannot be used: %v", unread))
	}
	_, ds, err := s.standing(ctx, p)
	if err != nil {
		st.Faults = append(st.Faults, err.Error())
	}
	for _, d := range ds {
		st.Faults = append(st.Faults, sentence(d))
	}
	return nil
}

// Secrets are what democratic-csi's configuration needs beside the platform. They
// are made when they are not there.
func (s *Service) Secrets() (values.Secrets, error) {
	b, err := s.Backend()
	if err != nil {
		return values.Secrets{}, err
	}
	pair, err := keys.Ensure(s.o.Machine.Keys)
	return values.Secrets{ClientKey: pair.ClientPrivate, CHAP: b.policy.CHAP}, err
}

// Endpoint says how the endpoint is doing.
func (s *Service) Endpoint() Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoint
}

// PlatformChanged makes the endpoint follow the document.
func (s *Service) PlatformChanged() {
	select {
	case s.wake <- struct{}{}:
	default: // one is waiting already
	}
}

func (s *Service) set(e Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.endpoint == e {
		return
	}
	s.endpoint = e
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until the endpoint is like that.
func (s *Service) await(ctx context.Context, like func(Endpoint) bool) (Endpoint, error) {
	for {
		s.mu.Lock()
		e, changed := s.endpoint, s.changed
		s.mu.Unlock()
		if like(e) {
			return e, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return e, context.Cause(ctx)
		}
	}
}

// again is how long after a failure the endpoint is tried again, when nothing
// else wakes it: the bridge may not be up yet.
const again = 5 * time.Second

// Run restores the targets and serves the endpoint, as long as phase 1's steps
// are applied, until ctx has ended. Then the endpoint is drained.
func (s *Service) Run(ctx context.Context) error {
	restored := false
	for ctx.Err() == nil {
		wait := s.turn(ctx, &restored)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// turn serves as long as nothing changes, and says how long to wait then.
func (s *Service) turn(ctx context.Context, restored *bool) time.Duration {
	const idle = time.Hour // until something wakes it
	if !s.wanted() {
		s.set(Endpoint{User: csigate.User, Reason: notServed})
		return idle
	}
	p, unread, err := s.document()
	if err != nil {
		s.failed(err)
		return again
	}
	now, conflicts, err := s.standing(ctx, p)
	if err != nil {
		s.failed(err)
		return again
	}
	switch {
	case unread != nil:
		s.o.Log.Warn("the storage goes on as it was: the platform document cannot be used", "error", unread)
	case len(conflicts) > 0:
		s.goesOn(conflicts)
	default:
		if err := s.note(p); err != nil {
			if identityOf(s.inUse(p)) != identityOf(p) { // who comes after a kill would look for the wrong ones
				s.failed(err)
				return again
			}
			s.o.Log.Warn("the record of what the storage is served with is older than the document", "error", err)
		}
	}
	b, err := s.open(now)
	if err != nil {
		s.failed(err)
		return again
	}
	if !*restored {
		if err := s.restore(ctx, b); err != nil {
			s.failed(err)
			return again
		}
		*restored = true
	}
	if err := s.serve(ctx, now, b); err != nil && ctx.Err() == nil {
		s.failed(err)
		return again
	}
	return 0
}

func (s *Service) failed(err error) {
	e := s.Endpoint()
	e.Serving, e.Since, e.Reason = false, time.Time{}, err.Error()
	if s.Endpoint() != e {
		s.o.Log.Error("the storage endpoint is not served", "error", err)
	}
	s.set(e)
}

// restore makes the kernel ready and the targets what the volumes say: after a
// boot there are none.
func (s *Service) restore(ctx context.Context, b *Backend) error {
	began := time.Now()
	s.set(Endpoint{User: csigate.User, Reason: restoring})
	if err := b.iscsi.Prepare(ctx); err != nil {
		return err
	}
	l, err := b.layout()
	if err != nil {
		return err
	}
	if _, err := b.zfs.EnsureLayout(ctx, l); err != nil {
		return b.noZFS(err)
	}
	found, done, err := b.repair(ctx, func(_ Repaired, done, total int) {
		s.set(Endpoint{User: csigate.User, Reason: fmt.Sprintf("%s, %d of %d", restoring, done, total)})
	})
	if err != nil {
		return err
	}
	failures := 0
	for _, r := range done {
		if r.Err != nil {
			failures++
			s.o.Log.Error("a target could not be restored", "object", r.Object, "error", r.Err)
		}
	}
	s.o.Log.Info("targets restored", "changed", len(done)-failures, "failed", failures, "took", time.Since(began).Round(time.Millisecond))
	for _, text := range withoutDevices(found) {
		s.o.Log.Error("volumes are without a target; it is made when the device comes", "reason", text)
	}
	return nil
}

// serve serves the endpoint until ctx ends or what it is made of changes.
func (s *Service) serve(ctx context.Context, p *platform.Platform, b *Backend) error {
	pair, err := keys.Ensure(s.o.Machine.Keys)
	if err != nil {
		return err
	}
	server, err := csigate.New(csigate.Options{
		Executor: b.execute, HostKey: pair.Host, ClientKey: pair.Client, From: csigate.Nodes(p),
		Limits: s.o.Limits, Audit: csigate.LogAudit(s.o.Log),
	})
	if err != nil {
		return err
	}
	address := endpointAddress(p)
	listen := s.o.Machine.Listen
	if listen == nil {
		listen = func(a string) (net.Listener, error) { return net.Listen("tcp", a) }
	}
	l, err := listen(address)
	if err != nil {
		return problem.Wrap(problem.HostUnsuitable, err, "is the internal bridge up, and is nothing else on that port? See waddle network and ss -ltnp", "cannot serve the storage endpoint")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	of, err := fingerprint(p)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.follow(ctx, of)
		stop()
	}()
	s.set(Endpoint{
		Address: address, Serving: true, Since: time.Now().UTC().Truncate(time.Second), User: csigate.User,
		HostKey: ssh.FingerprintSHA256(pair.Host.PublicKey()), ClientKey: ssh.FingerprintSHA256(pair.Client), of: identityOf(p),
	})
	s.o.Log.Info("the storage endpoint is served", "address", address)
	err = server.Serve(ctx, l)
	stop()
	<-watched
	e := s.Endpoint()
	e.Serving, e.Since, e.Reason = false, time.Time{}, "stopping, or following a change of the platform"
	s.set(e)
	return err
}

func endpointAddress(p *platform.Platform) string {
	return netip.AddrPortFrom(p.Spec.Network.Internal.Address, uint16(p.Spec.Storage.EndpointPort)).String()
}

// follow returns when the endpoint has to be served otherwise, or not at all; of
// is what it is made of. A document that cannot be read changes nothing, and
// neither does one that would lose volumes, as long as they are there.
func (s *Service) follow(ctx context.Context, of string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if !s.wanted() {
			return
		}
		p, err := s.o.Platform()
		if err != nil {
			continue
		}
		now, conflicts, err := s.standing(ctx, p)
		if err != nil {
			continue
		}
		if len(conflicts) > 0 {
			s.goesOn(conflicts)
		}
		if now, err := fingerprint(now); err != nil || now != of {
			return
		}
	}
}

func (s *Service) goesOn(conflicts []engine.Difference) {
	s.o.Log.Warn("the storage goes on as it was: volumes would be lost", "conflict", sentences(conflicts))
}
