package csigate_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waddle-social/waddle/internal/csigate/csigatetest"
	"github.com/waddle-social/waddle/internal/csigate/execute"
	"github.com/waddle-social/waddle/internal/csigate/grammar"
)

// stopping starts n commands that wait for their context or for free, and then
// stops the server. What comes back is told by the returned function.
func (w *world) stopping(n int, free chan struct{}) (c *ssh.Client, results func() []csigatetest.Result) {
	started := make(chan struct{}, n)
	w.fake(func(ctx context.Context, _ grammar.Command) execute.Answer {
		started <- struct{}{}
		select {
		case <-ctx.Done():
			return execute.Answer{Code: 1, Stderr: []byte("stopped: " + context.Cause(ctx).Error() + "\n")}
		case <-free:
			return execute.Answer{Stdout: []byte("whole\n")}
		}
	})
	c = w.mustDial()
	all := make(chan csigatetest.Result, n)
	for range n {
		go func() {
			r, err := execOn(c, "echo $0", false)
			if err != nil {
				r.Code, r.Stderr = -2, err.Error()
			}
			all <- r
		}()
	}
	for range n {
		<-started
	}
	return c, func() []csigatetest.Result {
		var got []csigatetest.Result
		for range n {
			got = append(got, <-all)
		}
		return got
	}
}

// closed waits until the server takes no connections any more.
func (w *world) closed() {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			return
		}
		_ = c.Close()
	}
	w.t.Fatal("the server goes on taking connections")
}

func TestWhatRunsWhenTheDaemonStopsIsFinishedAndSaidSo(t *testing.T) {
	w := newWorld(t)
	free := make(chan struct{})
	c, results := w.stopping(40, free)
	stopped := make(chan struct{})
	stop := w.stop
	w.stop = nil
	go func() { stop(); close(stopped) }()
	w.closed()
	// New commands are refused with an exit status while the old ones run.
	r, err := execOn(c, "uname -s", false)
	must(t, err)
	if r.Code != 1 || !strings.Contains(r.Stderr, "is stopping and takes no new commands") {
		t.Fatalf("a new command while stopping: %+v", r)
	}
	select {
	case <-stopped:
		t.Fatal("did not wait")
	default:
	}
	close(free)
	for _, r := range results() {
		if r.Code != 0 || r.Stdout != "whole\n" {
			t.Fatalf("%+v", r)
		}
	}
	<-stopped
}

func TestWhatDoesNotFinishInTimeEndsWithAnExitStatus(t *testing.T) {
	w := newWorld(t)
	w.limits.Drain = 20 * time.Millisecond
	_, results := w.stopping(20, nil)
	w.halt()
	for _, r := range results() {
		if r.Code != 1 || r.Stderr != "stopped: waddled is stopping\n" {
			t.Fatalf("%+v", r)
		}
	}
}

func TestWhatTheKernelDoesNotReturnFromStillGetsAnExitStatus(t *testing.T) {
	w := newWorld(t)
	w.limits.Drain, w.limits.Grace = 10*time.Millisecond, 10*time.Millisecond
	free, started := make(chan struct{}), make(chan struct{})
	defer close(free)
	w.fake(func(context.Context, grammar.Command) execute.Answer {
		close(started)
		<-free
		return execute.Answer{}
	})
	c := w.mustDial()
	got := make(chan csigatetest.Result, 1)
	go func() {
		r, _ := execOn(c, "echo $0", false)
		got <- r
	}()
	<-started
	w.halt()
	if r := <-got; r.Code != 1 || !strings.Contains(r.Stderr, "the kernel has not finished this") {
		t.Fatalf("%+v", r)
	}
}

func TestACommandThatWaitsForItsTurnIsRefusedWhenTheDaemonStops(t *testing.T) {
	w := newWorld(t)
	w.limits.Running = 1
	free := make(chan struct{})
	c, results := w.stopping(1, free)
	waiting := make(chan csigatetest.Result, 1)
	s, err := c.NewSession()
	must(t, err)
	must(t, s.Start("uname -s"))
	go func() {
		var r csigatetest.Result
		if e, ok := s.Wait().(*ssh.ExitError); ok {
			r.Code = e.ExitStatus()
		}
		waiting <- r
	}()
	stopped := make(chan struct{})
	stop := w.stop
	w.stop = nil
	go func() { stop(); close(stopped) }()
	if r := <-waiting; r.Code != 1 {
		t.Fatalf("%+v", r)
	}
	close(free)
	results()
	<-stopped
}
