package csigate

import (
	"fmt"
	"net"
	"net/netip"
)

// guest is what is known of a connection.
type guest struct {
	from    netip.Addr
	arrived uint64 // the lower, the earlier
	in      bool   // has logged in
}

// admit registers a connection, or says why it is turned away. Who has not logged
// in yet makes room for who comes: any pod appears behind its node's address and
// can open connections, and what they hold is taken from nobody who has the key.
// The driver logs in at once.
func (s *Server) admit(conn net.Conn) string {
	if !s.allowed(conn.RemoteAddr()) {
		return "the address is not that of one of the cluster's nodes"
	}
	from := source(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	same, all := 0, len(s.conns)
	for _, g := range s.conns {
		if g.from == from {
			same++
		}
	}
	if same >= s.o.Limits.Source && !s.oust(func(g *guest) bool { return g.from == from }) {
		return fmt.Sprintf("there are %d connections from its address already", same)
	}
	if same < s.o.Limits.Source && all >= s.o.Limits.Connections && !s.oust(func(*guest) bool { return true }) {
		return fmt.Sprintf("there are %d connections already", all)
	}
	s.arrivals++
	s.conns[conn] = &guest{from: from, arrived: s.arrivals}
	return ""
}

// oust ends the longest of those connections that have not logged in yet; false
// when there is none.
func (s *Server) oust(among func(*guest) bool) bool {
	var who net.Conn
	for conn, g := range s.conns {
		if !g.in && among(g) && (who == nil || g.arrived < s.conns[who].arrived) {
			who = conn
		}
	}
	if who == nil {
		return false
	}
	delete(s.conns, who)
	_ = who.Close() // which ends its login
	return true
}

// entered notes that a connection has logged in; false when it has made room.
func (s *Server) entered(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, is := s.conns[conn]
	if is {
		g.in = true
	}
	return is
}

// ousted reports whether a connection has made room.
func (s *Server) ousted(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.conns[conn]
	return !is
}

func source(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{} // allowed has refused it
	}
	return at.Addr().Unmap()
}
