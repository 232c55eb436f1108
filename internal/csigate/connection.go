package csigate

import (
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// client is one logged in connection.
type client struct {
	s        *Server
	conn     net.Conn
	user     string
	key      string
	from     string
	sessions atomic.Int32
}

func (s *Server) connection(conn net.Conn) {
	defer s.forget(conn)
	_ = conn.SetDeadline(time.Now().Add(s.o.Limits.Handshake))
	sc, channels, requests, err := ssh.NewServerConn(conn, s.sshConfig(conn))
	if err != nil {
		if s.ousted(conn) { // the cause says only that it was closed
			err = errMadeRoom
		}
		s.o.Audit(Record{Time: time.Now(), From: conn.RemoteAddr().String(), Outcome: Rejected, Reason: "no login: " + printable(err.Error())})
		return
	}
	_ = conn.SetDeadline(time.Time{})
	defer sc.Close()
	c := &client{s: s, conn: conn, user: sc.User(), key: sc.Permissions.Extensions[extension], from: conn.RemoteAddr().String()}
	go globals(requests)
	for n := range channels {
		c.open(n)
	}
}

// globals answers keepalive@openssh.com, which the driver sends every 10 s, and
// refuses forwarding.
func globals(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(r.Type == "keepalive@openssh.com", nil)
		}
	}
}

func (c *client) open(n ssh.NewChannel) {
	if n.ChannelType() != "session" {
		c.rejected("a channel of type " + printable(n.ChannelType()))
		_ = n.Reject(ssh.Prohibited, "this endpoint runs storage commands only")
		return
	}
	if int(c.sessions.Load()) >= c.s.o.Limits.Sessions {
		c.rejected("too many sessions on one connection")
		_ = n.Reject(ssh.ResourceShortage, "too many sessions on one connection")
		return
	}
	channel, requests, err := n.Accept()
	if err != nil {
		return // the connection is gone
	}
	c.sessions.Add(1)
	c.s.handlers.Go(func() {
		defer c.sessions.Add(-1)
		(&session{c: c, ch: channel}).serve(requests)
	})
}

func (c *client) rejected(what string) {
	c.s.o.Audit(Record{Time: time.Now(), User: c.user, Key: c.key, From: c.from, Outcome: Rejected, Reason: what})
}
