package csigate_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// fake answers every command with what the test says.
type fake struct {
	run func(ctx context.Context, c grammar.Command) execute.Answer
}

func (fake) Layout() grammar.Layout {
	l, err := grammar.NewLayout(root)
	if err != nil {
		panic(err)
	}
	return l
}

func (f fake) Run(ctx context.Context, c grammar.Command) execute.Answer { return f.run(ctx, c) }

func (w *world) fake(run func(ctx context.Context, c grammar.Command) execute.Answer) *world {
	w.serve(fake{run})
	return w
}

func (w *world) mustDial() *ssh.Client {
	w.t.Helper()
	c, err := w.dial()
	must(w.t, err)
	w.t.Cleanup(func() { _ = c.Close(); _ = c.Wait() })
	return c
}

func TestTheKeyOpensNothingButCommands(t *testing.T) {
	w := newWorld(t).start()
	c := w.mustDial()
	session := func(t *testing.T) *ssh.Session {
		s, err := c.NewSession()
		must(t, err)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	for name, try := range map[string]func(t *testing.T) error{
		"a shell":                    func(t *testing.T) error { return session(t).Shell() },
		"sftp":                       func(t *testing.T) error { return session(t).RequestSubsystem("sftp") },
		"another subsystem":          func(t *testing.T) error { return session(t).RequestSubsystem("netconf") },
		"an environment variable":    func(t *testing.T) error { return session(t).Setenv("LD_PRELOAD", "/tmp/x.so") },
		"an agent":                   func(t *testing.T) error { return refusedRequest(session(t), "auth-agent-req@openssh.com") },
		"X11":                        func(t *testing.T) error { return refusedRequest(session(t), "x11-req") },
		"a connection to the host":   func(*testing.T) error { _, err := c.Dial("tcp", "127.0.0.1:22"); return err },
		"a connection to a socket":   func(*testing.T) error { _, err := c.Dial("unix", "/run/docker.sock"); return err },
		"a listener":                 func(*testing.T) error { _, err := c.Listen("tcp", "127.0.0.1:0"); return err },
		"a listener on a socket":     func(*testing.T) error { _, err := c.ListenUnix("/tmp/x.sock"); return err },
		"a second command":           func(t *testing.T) error { return second(session(t)) },
		"a command that is no text":  func(t *testing.T) error { return badPayload(session(t)) },
		"a terminal after a command": func(t *testing.T) error { return late(session(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := try(t); err == nil {
				t.Fatal("it was given")
			}
		})
	}
	if r, err := execOn(c, "echo $0", false); err != nil || r.Stdout != "bash\n" {
		t.Fatalf("afterwards: %+v, %v", r, err)
	}
}

func refusedRequest(s *ssh.Session, kind string) error {
	ok, err := s.SendRequest(kind, true, nil)
	if err == nil && !ok {
		err = errors.New("refused")
	}
	return err
}

func badPayload(s *ssh.Session) error {
	ok, err := s.SendRequest("exec", true, []byte{0xff})
	if err == nil && !ok {
		err = errors.New("refused")
	}
	return err
}

func second(s *ssh.Session) error {
	if err := s.Start("echo $0"); err != nil {
		return nil
	}
	return refusedRequest(s, "exec")
}

func late(s *ssh.Session) error {
	if err := s.Start("echo $0"); err != nil {
		return nil
	}
	return s.RequestPty("vt100", 24, 80, nil)
}

func TestNobodyElseLogsIn(t *testing.T) {
	w := newWorld(t).start()
	_, other, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	stranger, err := ssh.NewSignerFromKey(other)
	must(t, err)
	own, err := ssh.ParsePrivateKey([]byte(w.keys.ClientPrivate.Reveal()))
	must(t, err)
	for name, c := range map[string]ssh.ClientConfig{
		"another key":         {User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(stranger)}},
		"the host's own key":  {User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(w.keys.Host)}},
		"another user":        {User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(own)}},
		"no key":              {User: csigate.User},
		"a password":          {User: csigate.User, Auth: []ssh.AuthMethod{ssh.Password("democratic-csi")}},
		"keyboard, no answer": {User: csigate.User, Auth: []ssh.AuthMethod{ssh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })}},
	} {
		t.Run(name, func(t *testing.T) {
			c.HostKeyCallback = ssh.FixedHostKey(w.keys.Host.PublicKey())
			if conn, err := ssh.Dial("tcp", w.addr, &c); err == nil {
				_ = conn.Close()
				t.Fatal("logged in")
			}
		})
	}
	w.halt()
	n := 0
	for _, r := range w.records() {
		if r.Outcome == csigate.Rejected && strings.HasPrefix(r.Reason, "no login: ") {
			n++
		}
	}
	if n != 6 {
		t.Fatalf("%d of 6 failed logins are in the audit: %+v", n, w.records())
	}
}

func TestTheKeyWorksFromTheNodesOnly(t *testing.T) {
	w := newWorld(t)
	w.from = []netip.Prefix{netip.MustParsePrefix("10.10.0.10/32")}
	w.start()
	if c, err := w.dial(); err == nil {
		_ = c.Close()
		t.Fatal("logged in from 127.0.0.1")
	}
	w.halt()
	if r := w.records(); len(r) != 1 || r[0].Outcome != csigate.Rejected || !strings.Contains(r[0].Reason, "not that of one of the cluster's nodes") {
		t.Fatalf("%+v", r)
	}
}

func TestKeepalivesAreAnsweredAndForwardingIsNot(t *testing.T) {
	c := newWorld(t).start().mustDial()
	for kind, want := range map[string]bool{"keepalive@openssh.com": true, "tcpip-forward": false, "streamlocal-forward@openssh.com": false} {
		ok, _, err := c.SendRequest(kind, true, nil)
		if err != nil || ok != want {
			t.Fatalf("%s: %v, %v", kind, ok, err)
		}
	}
}

func TestSixtyCommandsRunAtOnceOnOneConnection(t *testing.T) {
	w := newWorld(t)
	var running, most atomic.Int32
	all := make(chan struct{})
	w.fake(func(context.Context, grammar.Command) execute.Answer {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 60 {
			close(all)
		}
		<-all
		return execute.Answer{Stdout: []byte("bash\n")}
	})
	c := w.mustDial()
	must(t, atOnce(60, func(int) error {
		r, err := execOn(c, "echo $0", false)
		if err == nil && (r.Code != 0 || r.Stdout != "bash\n") {
			err = fmt.Errorf("%+v", r)
		}
		return err
	}))
	if most.Load() != 60 {
		t.Fatalf("%d at once", most.Load())
	}
}

func TestASessionTooManyIsTurnedAwayAndTheOthersGoOn(t *testing.T) {
	w := newWorld(t)
	w.limits.Sessions = 2
	free := make(chan struct{})
	w.fake(func(context.Context, grammar.Command) execute.Answer { <-free; return execute.Answer{} })
	c := w.mustDial()
	done := make(chan error, 2)
	for range 2 {
		s, err := c.NewSession()
		must(t, err)
		must(t, s.Start("echo $0"))
		go func() { done <- s.Wait() }()
	}
	if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "too many sessions") {
		t.Fatalf("got %v", err)
	}
	close(free)
	must(t, errors.Join(<-done, <-done))
	if r, err := execOn(c, "echo $0", false); err != nil || r.Code != 0 {
		t.Fatalf("afterwards: %+v, %v", r, err)
	}
}

func TestAConnectionTooManyIsTurnedAway(t *testing.T) {
	w := newWorld(t)
	w.limits.Connections = 1
	w.start()
	w.mustDial()
	if c, err := w.dial(); err == nil {
		_ = c.Close()
		t.Fatal("a second one was taken")
	}
}

func TestWhoDoesNotLogInIsLetGo(t *testing.T) {
	w := newWorld(t)
	w.limits.Handshake = 50 * time.Millisecond
	w.start()
	conn, err := net.Dial("tcp", w.addr)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatalf("the server did not hang up: %v", err)
	}
}

func TestCommandsBeyondTheRateWait(t *testing.T) {
	w := newWorld(t)
	w.limits.Rate, w.limits.Burst = 50, 1
	w.start()
	began := time.Now()
	must(t, atOnce(11, func(int) error {
		r, err := w.Exec("echo $0", false)
		if err == nil && r.Code != 0 {
			err = fmt.Errorf("%+v", r)
		}
		return err
	}))
	if took := time.Since(began); took < 190*time.Millisecond {
		t.Fatalf("11 commands at 50 a second took %v", took)
	}
}

func TestOutputThatIsTooLargeIsAnErrorNotACutAnswer(t *testing.T) {
	w := newWorld(t)
	w.limits.Output = 1000
	w.fake(func(context.Context, grammar.Command) execute.Answer {
		return execute.Answer{Stdout: bytes.Repeat([]byte("x"), 1001)}
	})
	r, err := w.Exec("echo $0", false)
	must(t, err)
	if r.Code != 1 || r.Stdout != "" || !strings.Contains(r.Stderr, "does not send 1001 bytes") {
		t.Fatalf("%+v", r)
	}
}

func TestLargeOutputArrivesWhole(t *testing.T) {
	w := newWorld(t)
	text := strings.Repeat("a line of some length\n", 500_000)
	w.fake(func(context.Context, grammar.Command) execute.Answer { return execute.Answer{Stdout: []byte(text)} })
	for _, pty := range []bool{false, true} {
		r, err := w.Exec("echo $0", pty)
		must(t, err)
		want := text
		if pty {
			want = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if r.Code != 0 || r.Stdout != want {
			t.Fatalf("pty %v: code %d, %d of %d bytes", pty, r.Code, len(r.Stdout), len(want))
		}
	}
}

func TestATerminalHasOneStream(t *testing.T) {
	w := newWorld(t).fake(func(context.Context, grammar.Command) execute.Answer {
		return execute.Answer{Stdout: []byte("out\n"), Stderr: []byte("err\n"), Code: 3}
	})
	r, err := w.Exec("echo $0", true)
	must(t, err)
	if r.Stdout != "out\r\nerr\r\n" || r.Stderr != "" || r.Code != 3 {
		t.Fatalf("with a pty: %+v", r)
	}
	r, err = w.Exec("echo $0", false)
	must(t, err)
	if r.Stdout != "out\n" || r.Stderr != "err\n" || r.Code != 3 {
		t.Fatalf("without: %+v", r)
	}
}

func TestACommandThatTakesTooLongEndsWithAnExitStatus(t *testing.T) {
	w := newWorld(t)
	w.limits.Command = 20 * time.Millisecond
	w.fake(func(ctx context.Context, _ grammar.Command) execute.Answer {
		<-ctx.Done()
		return execute.Answer{Code: 1, Stderr: []byte(context.Cause(ctx).Error() + "\n")}
	})
	r, err := w.Exec("echo $0", false)
	must(t, err)
	if r.Code != 1 || !strings.Contains(r.Stderr, "longer than one command may") {
		t.Fatalf("%+v", r)
	}
}

func TestADefectIsAnswered(t *testing.T) {
	w := newWorld(t).fake(func(context.Context, grammar.Command) execute.Answer { panic("index out of range") })
	r, err := w.Exec("echo $0", false)
	must(t, err)
	if r.Code != 1 || r.Stderr != "waddled has a defect and did not finish this; its log says more\n" {
		t.Fatalf("%+v", r)
	}
	w.halt()
	if got := w.records(); len(got) != 1 || !strings.Contains(got[0].Reason, "index out of range") || got[0].Outcome != csigate.Failed {
		t.Fatalf("%+v", got)
	}
}

func TestEveryCommandIsAuditedWithWhoWhatAndHowLong(t *testing.T) {
	w := newWorld(t).start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	if r, err := w.Exec("/sbin/zfs destroy -r -f -p rpool/ROOT\n", false); err != nil || r.Code != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	w.halt()
	all := w.records()
	if len(all) != 9 {
		t.Fatalf("%d records: %+v", len(all), all)
	}
	for _, r := range all {
		if r.User != csigate.User || !strings.HasPrefix(r.From, "127.0.0.1:") || r.Key != ssh.FingerprintSHA256(w.keys.Client) || r.Command == "" || r.Time.IsZero() || r.Duration <= 0 {
			t.Fatalf("%+v", r)
		}
	}
	create, refused := all[2], all[8]
	if create.Op != "create volume" || create.Object != "rpool/k8s-csi/v/pvc-1" || create.Outcome != csigate.Done || create.Code != 0 {
		t.Fatalf("%+v", create)
	}
	if refused.Outcome != csigate.Refused || refused.Code != 1 || strings.Contains(refused.Command, "\n") || !strings.Contains(refused.Reason, "rpool/ROOT") {
		t.Fatalf("%+v", refused)
	}
}

// crowd opens connections from an address of the machine's own loopback, which
// never log in.
func (w *world) crowd(from string, n int) {
	w.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range n {
		conn, err := d.Dial("tcp", w.addr)
		must(w.t, err)
		w.t.Cleanup(func() { _ = conn.Close() })
	}
}

// turnedAway counts the records of connections that were turned away for a reason.
func (w *world) turnedAway(reason string) (n int) {
	for _, r := range w.records() {
		if r.Outcome == csigate.Rejected && strings.Contains(r.Reason, reason) {
			n++
		}
	}
	return n
}

// TestPodsThatHoldConnectionsKeepNobodyWithTheKeyOut has pods open every
// connection that there is, behind the controller's own node and behind others.
func TestPodsThatHoldConnectionsKeepNobodyWithTheKeyOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		crowd []string
	}{
		{"behind the driver's own node", []string{"127.0.0.1"}},
		{"behind another node", []string{"127.0.0.2"}},
		{"behind all of them", []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.limits.Connections, w.limits.Source, w.limits.Handshake = 8, 4, 10*time.Minute
			w.start()
			working := w.mustDial() // it is there before, and stays
			for _, from := range c.crowd {
				w.crowd(from, 8)
			}
			for range 3 {
				if r, err := execOn(w.mustDial(), "echo $0", false); err != nil || r.Code != 0 {
					t.Fatalf("a new one: %+v, %v", r, err)
				}
			}
			if r, err := execOn(working, "echo $0", false); err != nil || r.Code != 0 {
				t.Fatalf("the one before: %+v, %v", r, err)
			}
			eventually(t, func() bool { return w.turnedAway("made room for a newer connection") > 0 })
		})
	}
}

// TestOneNodeCannotTakeAllConnectionsWithTheKeyEither has somebody with the key
// hold what one address may have.
func TestOneNodeCannotTakeAllConnectionsWithTheKeyEither(t *testing.T) {
	w := newWorld(t)
	w.limits.Connections, w.limits.Source = 8, 2
	w.start()
	w.mustDial()
	w.mustDial()
	if c, err := w.dial(); err == nil {
		_ = c.Close()
		t.Fatal("a third one from one address was taken")
	}
	eventually(t, func() bool { return w.turnedAway("2 connections from its address already") == 1 })
	w.loginFrom("127.0.0.2")
}

// loginFrom logs in from another address of the machine's own loopback.
func (w *world) loginFrom(from string) {
	w.t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(w.keys.ClientPrivate.Reveal()))
	must(w.t, err)
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", w.addr)
	must(w.t, err)
	c, channels, requests, err := ssh.NewClientConn(conn, w.addr, &ssh.ClientConfig{User: csigate.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.FixedHostKey(w.keys.Host.PublicKey())})
	must(w.t, err)
	client := ssh.NewClient(c, channels, requests)
	w.t.Cleanup(func() { _ = client.Close(); _ = client.Wait() })
}

// eventually waits up to a minute for what has to come.
func eventually(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come within a minute")
		}
	}
}
