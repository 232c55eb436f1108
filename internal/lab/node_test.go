package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestACommandOnTheHostSeesTheHostsFilesAndName(t *testing.T) {
	l := startLab(t, Options{Name: "view"})
	for _, tc := range []struct{ name, command, want string }{
		{"its host name", "hostname", "pve\n"},
		{"its storage", "head -1 /etc/pve/storage.cfg", "dir: local\n"},
		{"a group for waddled's socket", "grep -c ^waddle: /etc/group", "1\n"},
		{"no keys of the machine's root", "ls /root/.ssh 2>/dev/null || echo none", "none\n"},
		{"a /tmp for everybody and a /root for root", "stat -c %a /tmp /root", "1777\n700\n"},
		{"its links and no others", "ls /sys/class/net", "eno1\nlo\nvmbr0\n"},
		{"no namespaces of the lab", "ls /run", "lock\nnetwork\n"},
		{"its name server", "cat /etc/resolv.conf", "nameserver 1.1.1.1\n"},
		{"the root directory as its own", "pwd", "/\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if out, err := l.Host.Run(t.Context(), "sh", "-c", tc.command); err != nil || out != tc.want {
				t.Errorf("%s says %q, %v; want %q", tc.command, out, err, tc.want)
			}
		})
	}
}

func TestAProgramInTheMachinesTmpRunsOnTheHost(t *testing.T) {
	l := startLab(t, Options{Name: "program"})
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nhostname\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := l.Host.Run(t.Context(), script); err != nil || out != "pve\n" {
		t.Errorf("it says %q, %v", out, err)
	}
}

func TestACommandElsewhereAsksTheLabsNameServer(t *testing.T) {
	l := startLab(t, Options{Name: "guests"})
	if out, err := l.Scanner.Run(t.Context(), "getent", "ahostsv4", WebName); err != nil || !strings.HasPrefix(out, "192.0.2.80") {
		t.Errorf("the scanner looks %s up as %q, %v", WebName, out, err)
	}
	if _, err := l.Scanner.Run(t.Context(), "touch", "/etc/waddle-lab-test"); err == nil {
		t.Error("the scanner could write into /etc")
	}
	machine, err := os.ReadFile("/etc/passwd")
	if out, rerr := l.Scanner.Run(t.Context(), "cat", "/etc/passwd"); err != nil || rerr != nil || out != string(machine) {
		t.Errorf("the scanner's /etc/passwd is not the machine's: %v, %v", err, rerr)
	}
}

func TestWhatTheHostWritesStaysInTheLab(t *testing.T) {
	l := startLab(t, Options{Name: "files"})
	probe := fmt.Sprintf("waddle-lab-%d", os.Getpid())
	for _, dir := range []string{"/etc", "/run", "/var/lib", "/tmp", "/root"} {
		path := filepath.Join(dir, probe)
		if err := l.Host.WriteFile(path, []byte("x"), 0o640); err != nil {
			t.Error(err)
		}
		if got, err := l.Host.ReadFile(path); err != nil || string(got) != "x" {
			t.Errorf("%s reads %q, %v", path, got, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is on the machine: %v", path, err)
		}
	}
	// An absolute link inside must not lead outside.
	typeOnHost(t, l, "ln -s /etc/hostname /etc/"+probe+"-link")
	if got, err := l.Host.ReadFile("/etc/" + probe + "-link"); err != nil || string(got) != "pve\n" {
		t.Errorf("through a link the host name is %q, %v", got, err)
	}
	if err := l.Scanner.WriteFile("/tmp/"+probe, nil, 0o600); err == nil {
		t.Error("a node without files of its own wrote on the machine")
	}
}

func TestACommandEndsWithItsContextAndHandsOnItsExitCode(t *testing.T) {
	l := startLab(t, Options{Name: "commands"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Host.Command(ctx, "sleep", "1000").Run(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the command ended with %v", err)
	}
	var status *exec.ExitError
	if err := l.Host.Command(t.Context(), "sh", "-c", "exit 7").Run(); !errors.As(err, &status) || status.ExitCode() != 7 {
		t.Errorf("the exit code is %v", err)
	}
	if _, err := l.Host.Run(t.Context(), "no-such-program"); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestNoThreadStaysInTheLab(t *testing.T) {
	l := startLab(t, Options{Name: "threads"})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			err := l.Host.Do(func() error {
				name, err := os.Hostname()
				if err != nil || name != "pve" {
					return fmt.Errorf("the host's name is %q, %w", name, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if conn, err := l.Scanner.DialContext(t.Context(), "tcp", "203.0.113.10:22"); err != nil {
				t.Error(err)
			} else {
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	runtime.GC()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	// A thread that has ended may be seen for a moment.
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		foreign := 0
		links, err := filepath.Glob("/proc/self/task/*/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if ns, err := os.Readlink(link); err == nil && ns != own {
				foreign++
			}
		}
		if foreign == 0 {
			t.Logf("%d threads, none of them in a namespace of the lab", len(links))
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d threads are still in another namespace", foreign, len(links))
		}
	}
}

func TestDoReturnsWhenItsFunctionEndsItsGoroutine(t *testing.T) {
	if err := onThread(func() error { runtime.Goexit(); return nil }); !errors.Is(err, errNoReturn) {
		t.Errorf("the error is %v", err)
	}
}

func TestTwoLabsStandSideBySide(t *testing.T) {
	a := startLab(t, Options{Name: "sidea"})
	b := startLab(t, Options{Name: "sideb", HandTyped: true})
	typeOnHost(t, a, "echo a > /etc/which", "ip link add vmbr1 type bridge")
	typeOnHost(t, b, "echo b > /etc/which")
	before := snapshot(t, b)
	for _, l := range []*Lab{a, b} {
		if _, err := l.Plug(t.Context(), VM{Name: "vm", VMID: 100, Bridge: "vmbr0", Addresses: prefixes("203.0.113.20/24"), Gateway: HostGateway}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Unplug(t.Context(), "vm"); err != nil {
		t.Fatal(err)
	}
	if err := a.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Host.ReadFile("/etc/which"); err != nil || string(got) != "b\n" {
		t.Errorf("the second lab's file reads %q, %v", got, err)
	}
	if after := snapshot(t, b); after != before {
		t.Errorf("the first lab changed the second:\n%s\nbefore:\n%s", after, before)
	}
	if resp, err := b.Host.HTTPClient().Get("http://" + WebName + "/"); err != nil {
		t.Error(err)
	} else {
		_ = resp.Body.Close()
	}
	if s := StatusOf(a.Name); s.State != StateDown {
		t.Errorf("the first lab is %s: %s", s.State, s.Reason)
	}
}
