package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	serviceEnv   = "WADDLE_LAB_SERVICE"
	servicePhase = time.Minute // how long the service may take to be ready
)

// ServeIfAsked turns the program into a lab's service process when Up has started it
// for that, or into a program of the host, and never returns then. Otherwise it does nothing. A program that calls Up
// calls it first thing in main or TestMain.
func ServeIfAsked() {
	toolIfAsked()
	if os.Getenv(serviceEnv) == "" {
		return
	}
	proxmox := len(os.Args) == 5 && os.Args[4] == proxmoxFlag
	if !proxmox && len(os.Args) != 4 || os.Args[1] != "serve" || os.Args[2] != "--name" {
		fmt.Fprintf(os.Stderr, "cannot serve a lab: %s is set, but the arguments are %q\n", serviceEnv, os.Args[1:])
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	serve := Serve
	if proxmox {
		serve = ServeProxmox
	}
	if err := serve(ctx, os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startService starts the process that holds the host's files and answers as the web
// server, the name server and the host's own services. It lives until Down.
// guests is the thread of it that holds the other nodes' files.
func startService(ctx context.Context, o Options) (p process, guests int, err error) {
	p, said, err := startChild(ctx, o, unix.CLONE_NEWNS|unix.CLONE_NEWUTS)
	if err != nil {
		return p, 0, err
	}
	_, err = fmt.Sscanf(said, "ready %d", &guests)
	return p, guests, err
}

// startChild starts a process of the lab in the host's network namespace, with cloneflags
// namespaces of its own, and waits for what it says when it is ready.
func startChild(ctx context.Context, o Options, cloneflags uintptr, more ...string) (p process, said string, err error) {
	argv, err := serviceCommand(o, more...)
	if err != nil {
		return p, "", err
	}
	log, err := os.OpenFile(serviceLog(o.Name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return p, "", err
	}
	defer func() { _ = log.Close() }()
	ready, tell, err := os.Pipe()
	if err != nil {
		return p, "", err
	}
	defer func() { _ = ready.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), serviceEnv+"=1")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: cloneflags}
	// The child inherits the network namespace of the thread that forks it.
	err = inNetns(netnsPath(o.Name, nodeHost), cmd.Start)
	_ = tell.Close()
	if err != nil {
		return p, "", err
	}
	p, err = processOf(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // so that it is no zombie of a long-lived caller; ends with the lab
	if err != nil {
		return p, "", err
	}
	said, err = awaitReady(ctx, o.Name, ready)
	return p, said, err
}

func serviceCommand(o Options, more ...string) ([]string, error) {
	argv := o.Service
	if len(argv) == 0 {
		if os.Getenv(serviceEnv) != "" {
			return nil, fmt.Errorf("this process is a lab's service itself: the program has to call lab.ServeIfAsked first thing in main or TestMain")
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		argv = []string{self}
	}
	return slices.Concat(argv, []string{"serve", "--name", o.Name}, more), nil
}

// awaitReady reads what a process of the lab says on its pipe: "ready" and what else there
// is to say, or nothing when it died.
func awaitReady(ctx context.Context, name string, ready *os.File) (string, error) {
	if err := ready.SetReadDeadline(time.Now().Add(servicePhase)); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Now()) })
	defer stop()
	said, err := io.ReadAll(io.LimitReader(ready, 64))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if strings.HasPrefix(string(said), "ready") {
		return string(said), nil
	}
	if err != nil {
		return "", fmt.Errorf("it was not ready within %s: %s", servicePhase, lastLines(serviceLog(name)))
	}
	return "", fmt.Errorf("it ended at once: %s", lastLines(serviceLog(name)))
}

// lastLines returns the end of a log for an error message.
func lastLines(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-8):], []byte(" | ")))
}
