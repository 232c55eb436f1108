package server

import (
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/server/listen"
)

const (
	askEvery     = 5 * time.Second // where to listen, beside at once after a PUT
	firstBackoff = time.Second
)

// newFollower makes the TLS listener follow the platform document, and the
// certificate's names with it.
func (s *Server) newFollower() *listen.Follower {
	return listen.NewFollower(listen.FollowerOptions{
		Want: func() (netip.AddrPort, bool) {
			at, ok := s.o.Listen()
			if ok {
				s.nameCertificate(at.Addr())
			}
			return at, ok
		},
		Present: listen.HostHas, Log: s.o.Log, Every: askEvery, Backoff: firstBackoff,
	})
}

// nameCertificate makes the certificate good for the API's address, the host's
// name, and localhost for a caller who comes through a tunnel.
func (s *Server) nameCertificate(a netip.Addr) {
	names := []string{a.String(), "127.0.0.1", "::1", "localhost", "waddled"}
	if !listen.HostHas(a) {
		// The API is still at its former address, where the certificate has to
		// be good too.
		former, _ := s.certs.Current()
		names = append(names, former...)
	}
	if host, err := os.Hostname(); err == nil && !slices.Contains(names, host) {
		names = append(names, host)
	}
	if err := s.certs.Names(names); err != nil {
		s.o.Log.Error("the API's certificate does not have all its names", "error", err)
	}
}

// listenerState is how the unix socket is.
type listenerState struct {
	mu sync.Mutex
	l  api.Listener
}

func (l *listenerState) set(address string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.l = api.Listener{Network: api.ListenerNetworkUnix, Address: address, State: api.ListenerStateListening, Since: time.Now().UTC()}
	if err != nil {
		l.l.State, l.l.Detail = api.ListenerStateFailed, err.Error()
	}
}

func (s *Server) listeners() []api.Listener {
	s.unix.mu.Lock()
	all := []api.Listener{s.unix.l}
	s.unix.mu.Unlock()
	if all[0].Address == "" {
		all = all[:0] // served by somebody else's listener
	}
	tcp, wanted := s.follower.State()
	if !wanted {
		return all
	}
	l := api.Listener{Network: api.ListenerNetworkTCP, Address: tcp.Address, State: api.ListenerStateFailed, Detail: tcp.Detail, Since: tcp.Since}
	if tcp.Listening {
		l.State = api.ListenerStateListening
	}
	return append(all, l)
}

func (s *Server) tls() *api.TLS {
	names, notAfter := s.certs.Current()
	if names == nil {
		return nil
	}
	return &api.TLS{
		CaFingerprint: s.certs.Fingerprint(), CaFile: s.certs.CAFile(), Ca: string(s.certs.CAPEM()), Names: names, NotAfter: notAfter,
	}
}
