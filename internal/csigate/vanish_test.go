package csigate_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate"
	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/pkg/zfs"
)

// gate stops the n-th operation until it is opened.
type gate struct {
	mu      sync.Mutex
	count   int
	at      int
	reached chan struct{}
	open    chan struct{}
}

func (g *gate) seam(string) error {
	g.mu.Lock()
	g.count++
	hit := g.count == g.at
	g.mu.Unlock()
	if hit {
		close(g.reached)
		<-g.open
	}
	return nil
}

// ended waits until n commands are in the audit and returns the last.
func (w *world) ended(n int) csigate.Record {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if all := w.records(); len(all) >= n {
			return all[n-1]
		}
	}
	w.t.Fatalf("only %d commands ended", len(w.records()))
	return csigate.Record{}
}

// vanishAt sends a command, drops the connection in the operation n of it, and
// reports whether there was such an operation.
func vanishAt(t *testing.T, n int, prepare func(*world), command func(*world) string) (w *world, there bool) {
	t.Helper()
	g := &gate{at: n, reached: make(chan struct{}), open: make(chan struct{})}
	w = newWorld(t).start()
	prepare(w)
	w.zfsSeam, w.iscsiSeam = g.seam, g.seam
	w.start()
	done := len(w.records())
	c := w.mustDial()
	s, err := c.NewSession()
	must(t, err)
	must(t, s.RequestPty("vt100", 24, 80, nil))
	must(t, s.Start(command(w)))
	finished := make(chan struct{})
	go func() { _ = s.Wait(); close(finished) }()
	select {
	case <-g.reached:
		there = true
	case <-finished:
	}
	must(t, c.Close())
	_ = c.Wait()
	close(g.open)
	w.ended(done + 1)
	return w, there
}

func TestAClientThatVanishesLeavesAChangeWhole(t *testing.T) {
	nothing := func(*world) {}
	created := func(w *world) { _, err := w.Exec(w.d.Create("pvc-1", 16<<20), false); must(t, err) }
	exported := func(w *world) { must(t, w.d.CreateVolume("pvc-1", 16<<20)) }
	for name, row := range map[string]struct {
		prepare func(*world)
		command func(*world) string
	}{
		"create":   {nothing, func(w *world) string { return w.d.Create("pvc-1", 16<<20) }},
		"grow":     {created, func(w *world) string { return csigatetest.Set(w.d.V+"/pvc-1", csigatetest.Pair("volsize", "33554432")) }},
		"export":   {created, func(w *world) string { return w.d.CreateTarget("pvc-1") }},
		"unexport": {exported, func(w *world) string { return w.d.DeleteTarget("pvc-1") }},
		"destroy":  {created, func(w *world) string { return "/sbin/zfs destroy -r -f -p " + w.d.V + "/pvc-1" }},
	} {
		t.Run(name, func(t *testing.T) {
			const never = 1 << 30
			whole, _ := vanishAt(t, never, row.prepare, row.command)
			want := whole.state()
			untouched := newWorld(t).start()
			row.prepare(untouched)
			before := untouched.state()
			for n := 1; ; n++ {
				w, there := vanishAt(t, n, row.prepare, row.command)
				if !there {
					t.Logf("%d points", n-1)
					return
				}
				if got := w.state(); got != want && got != before {
					t.Fatalf("vanished in operation %d:\n%s\nis neither the whole\n%s\nnor nothing\n%s", n, got, want, before)
				}
				w.zfsSeam, w.iscsiSeam = nil, nil
				w.start()
				again, err := w.Exec(row.command(w), true)
				must(t, err)
				if again.Code != 0 && !strings.Contains(again.Stdout, "does not exist") || w.state() != want {
					t.Fatalf("again after operation %d: %+v\n%s\nwant\n%s", n, again, w.state(), want)
				}
			}
		})
	}
}

func TestAClientThatVanishesEndsACopy(t *testing.T) {
	w := newWorld(t)
	sending := make(chan struct{})
	w.runner = func(real zfs.Runner) zfs.Runner { return stuckSend{real, sending} }
	w.start()
	must(t, w.d.CreateVolume("pvc-1", 16<<20))
	must(t, w.d.CreateSnapshot("pvc-1", "snap-1", false))
	before, done := w.state(), len(w.records())
	c := w.mustDial()
	s, err := c.NewSession()
	must(t, err)
	must(t, s.Start(csigatetest.Copy(w.d.V+"/pvc-1@snap-1", w.d.V+"/pvc-2")))
	<-sending
	must(t, c.Close())
	_ = c.Wait()
	if r := w.ended(done + 1); r.Outcome != csigate.Failed || !strings.Contains(r.Reason, "the client went away") {
		t.Fatalf("%+v", r)
	}
	if after := w.state(); after != before {
		t.Fatalf("left over:\n%s\nwas\n%s", after, before)
	}
	w.runner = nil
	w.start()
	must(t, w.d.CreateVolumeFromSnapshot("pvc-2", 16<<20, "pvc-1@snap-1", true))
}

// stuckSend is a zfs whose send writes nothing until it is stopped.
type stuckSend struct {
	zfs.Runner
	sending chan struct{}
}

func (s stuckSend) Run(ctx context.Context, p zfs.Process) (zfs.Output, error) {
	if p.Args[0] != "send" {
		return s.Runner.Run(ctx, p)
	}
	close(s.sending)
	<-ctx.Done()
	return zfs.Output{}, context.Cause(ctx)
}

// TestAClientThatVanishesBeforeItsCommand drops the connection after each
// message of a login and of a session.
func TestAClientThatVanishesBeforeItsCommand(t *testing.T) {
	w := newWorld(t).start()
	before := w.state()
	for name, vanish := range map[string]func() error{
		"before a byte": func() error {
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				return err
			}
			return c.Close()
		},
		"after its version": func() error {
			c, err := net.Dial("tcp", w.addr)
			if err != nil {
				return err
			}
			_, err = c.Write([]byte("SSH-2.0-ssh2js1.15.0\r\n"))
			return errors.Join(err, c.Close())
		},
		"after the login":   func() error { return w.vanish(func(*ssh.Client) error { return nil }) },
		"after the session": func() error { return w.vanish(func(c *ssh.Client) error { _, err := c.NewSession(); return err }) },
		"after the terminal": func() error {
			return w.vanish(func(c *ssh.Client) error {
				s, err := c.NewSession()
				if err != nil {
					return err
				}
				return s.RequestPty("vt100", 24, 80, nil)
			})
		},
	} {
		t.Run(name, func(t *testing.T) { must(t, vanish()) })
	}
	if r, err := w.Exec("echo $0", false); err != nil || r.Stdout != "bash\n" {
		t.Fatalf("afterwards: %+v, %v", r, err)
	}
	if after := w.state(); after != before {
		t.Fatalf("changed:\n%s", after)
	}
}

func (w *world) vanish(after func(*ssh.Client) error) error {
	c, err := w.dial()
	if err != nil {
		return err
	}
	err = after(c)
	err = errors.Join(err, c.Close())
	_ = c.Wait()
	return err
}
