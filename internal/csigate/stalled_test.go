package csigate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// large is an answer that a client has to read for it to fit: the window of a
// channel is 2 MiB.
func large(context.Context, grammar.Command) execute.Answer {
	return execute.Answer{Stdout: bytes.Repeat([]byte("x"), 8<<20)}
}

func TestAClientThatDoesNotReadGetsTheExitStatusOfAFailure(t *testing.T) {
	w := newWorld(t)
	w.limits.Send = 2 * time.Second
	c := w.fake(func(ctx context.Context, c grammar.Command) execute.Answer {
		if _, is := c.(grammar.Shell); is {
			return large(ctx, c)
		}
		return execute.Answer{Stdout: []byte("Linux\n")}
	}).mustDial()
	ch, requests, err := c.OpenChannel("session", nil)
	must(t, err)
	_, err = ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"echo $0"}))
	must(t, err)
	var got []uint32
	for r := range requests { // until the server closes the channel
		if r.Type == "exit-status" {
			got = append(got, binary.BigEndian.Uint32(r.Payload))
		}
	}
	if len(got) != 1 || got[0] == 0 {
		t.Fatalf("exit status %v; without one, or with 0, the driver takes half an answer for the whole", got)
	}
	// The connection is as good as before.
	if r, err := execOn(c, "uname -s", false); err != nil || r.Code != 0 || r.Stdout != "Linux\n" {
		t.Fatalf("the next command: %+v, %v", r, err)
	}
}

// deaf is a connection that stops reading.
type deaf struct {
	net.Conn
	stopped atomic.Bool
	never   chan struct{}
}

func (d *deaf) Read(p []byte) (int, error) {
	if d.stopped.Load() {
		<-d.never
	}
	return d.Conn.Read(p)
}

// TestADeafClientHoldsUpNobody has a client that takes nothing from its
// connection any more, as in a pod that was frozen, while the daemon stops.
func TestADeafClientHoldsUpNobody(t *testing.T) {
	for name, limits := range map[string]csigate.Limits{
		"its time to read ends first":     {Send: 10 * time.Millisecond},
		"the daemon's time to stop is up": {Send: time.Hour, Drain: 10 * time.Millisecond, Grace: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.limits = limits
			free, started := make(chan struct{}), make(chan struct{})
			w.fake(func(ctx context.Context, c grammar.Command) execute.Answer {
				close(started)
				<-free
				return large(ctx, c)
			})
			raw, err := net.Dial("tcp", w.addr)
			must(t, err)
			conn := &deaf{Conn: raw, never: make(chan struct{})}
			signer, err := ssh.ParsePrivateKey([]byte(w.keys.ClientPrivate.Reveal()))
			must(t, err)
			sc, channels, requests, err := ssh.NewClientConn(conn, w.addr, &ssh.ClientConfig{User: csigate.User,
				Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(w.keys.Host.PublicKey())})
			must(t, err)
			c := ssh.NewClient(sc, channels, requests)
			defer func() {
				close(conn.never)
				_ = c.Close()
				_ = c.Wait()
			}()
			s, err := c.NewSession()
			must(t, err)
			must(t, s.Start("echo $0"))
			<-started
			conn.stopped.Store(true)
			close(free)
			w.halt() // would wait for ever
			if r := w.ended(1); !strings.Contains(r.Command, "echo") {
				t.Errorf("the audit has %+v", r)
			}
		})
	}
}
