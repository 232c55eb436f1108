package lab

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stand-in is a daemon as far as the lab is concerned: it listens on the socket. Real
// waddled is tried where both can be imported, in test/.
const standIn = `package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if os.Getenv("FAIL") != "" {
		fmt.Println("the state file is newer than this program")
		os.Exit(1)
	}
	name, _ := os.Hostname()
	fmt.Println("started on", name, os.Args[1:], os.Getenv("GREETING"))
	if err := os.MkdirAll("/run/waddle", 0o750); err != nil {
		panic(err)
	}
	_ = os.Remove("/run/waddle/waddled.sock")
	ln, err := net.Listen("unix", "/run/waddle/waddled.sock")
	if err != nil {
		panic(err)
	}
	if os.Getenv("STUBBORN") == "" {
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		go func() { <-term; fmt.Println("stopped"); os.Exit(0) }()
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(c, "hello from", name)
		c.Close()
	}
}
`

func buildStandIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "standin")
	if err := os.WriteFile(source, []byte(standIn), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

func TestADaemonRunsOnTheHostAndIsReachedFromTheMachine(t *testing.T) {
	l := startLab(t, Options{Name: "daemon"})
	binary := buildStandIn(t)
	for round := range 2 {
		if err := l.StartDaemon(t.Context(), binary, []string{"--flag"}, []string{"GREETING=hi"}); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("unix", l.Socket())
		if err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 64)
		n, err := conn.Read(said)
		_ = conn.Close()
		if err != nil || string(said[:n]) != "hello from pve\n" {
			t.Errorf("the daemon says %q, %v", said[:n], err)
		}
		if err := l.StartDaemon(t.Context(), binary, nil, nil); err == nil || !strings.Contains(err.Error(), "one runs already") {
			t.Errorf("a second daemon: %v", err)
		}
		pid, running := l.Daemon()
		if s := StatusOf(l.Name); !running || s.Daemon != pid || s.Socket != l.Socket() {
			t.Errorf("status is %+v, the daemon is process %d, running %t", s, pid, running)
		}
		end, name := l.StopDaemon, "stop"
		if round == 1 {
			end, name = l.KillDaemon, "kill"
		}
		if err := end(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, running := l.Daemon(); running {
			t.Errorf("the daemon runs after %s", name)
		}
		if err := end(t.Context()); err != nil {
			t.Errorf("%s without a daemon: %v", name, err)
		}
	}
	log, err := os.ReadFile(l.DaemonLog())
	if want := "started on pve [--flag] hi\nstopped\nstarted on pve [--flag] hi\n"; err != nil || string(log) != want {
		t.Errorf("the log is %q, %v; want %q", log, err, want)
	}
}

func TestADaemonThatEndsAtOnceIsReportedWithItsLastWords(t *testing.T) {
	l := startLab(t, Options{Name: "baddaemon"})
	start := time.Now()
	err := l.StartDaemon(t.Context(), buildStandIn(t), nil, []string{"FAIL=1"})
	if err == nil || !strings.Contains(err.Error(), "the state file is newer than this program") {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(start); took > startTime/2 {
		t.Errorf("it took %s to see it", took)
	}
	if err := l.StartDaemon(t.Context(), "/no/such/binary", nil, nil); err == nil || !strings.Contains(err.Error(), "/no/such/binary") {
		t.Errorf("a binary that is not there: %v", err)
	}
}

func TestDownTakesADaemonWithItThatDoesNotWantToEnd(t *testing.T) {
	l := startLab(t, Options{Name: "stubborn"})
	if err := l.StartDaemon(t.Context(), buildStandIn(t), nil, []string{"STUBBORN=1"}); err != nil {
		t.Fatal(err)
	}
	p := l.daemon()
	if err := l.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.alive() {
		t.Error("the daemon lives on")
	}
}
