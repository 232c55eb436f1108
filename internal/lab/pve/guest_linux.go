package pve

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Linux is the simplest guest: it comes up after Timing.Boot, answers the guest agent, and goes
// down when the power button is pressed.
type Linux struct {
	// Exec runs a command of the guest agent and returns its output, error output and exit code.
	// Default: a handful of commands (true, false, echo, cat, hostname) and nothing of the machine.
	Exec func(ctx context.Context, m Machine, argv []string, stdin []byte) (out, errOut []byte, code int, err error)
	// Deaf guests ignore the power button.
	Deaf bool
	// NoAgent guests never answer the agent.
	NoAgent bool
}

// Boot implements Guest.
func (l Linux) Boot(ctx context.Context, m Machine) (Running, error) {
	wait := m.Timing.of(m.Timing.Boot)
	if m.Resumed {
		wait = 0
	}
	r := &linux{kind: l, m: m, up: time.Now().Add(wait), done: make(chan struct{}), execs: map[int]*execution{}}
	r.ctx, r.cancel = context.WithCancel(ctx)
	if err := os.MkdirAll(filepath.Join(m.Disk, "files"), 0o700); err != nil {
		return nil, err
	}
	return r, nil
}

type linux struct {
	kind   Linux
	m      Machine
	up     time.Time // when the agent begins to answer
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex // guards what follows
	off   bool
	done  chan struct{}
	pid   int
	execs map[int]*execution
}

type execution struct {
	exited   bool
	code     int
	out, err []byte
}

// Shutdown implements Running.
func (r *linux) Shutdown() {
	if r.kind.Deaf {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return
	}
	r.work.Go(func() {
		select {
		case <-time.After(r.m.Timing.of(r.m.Timing.Shutdown)):
			r.end()
		case <-r.ctx.Done():
		}
	})
}

func (r *linux) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.off {
		r.off = true
		close(r.done)
	}
	r.cancel()
}

// Stop implements Running.
func (r *linux) Stop() {
	r.end()
	r.work.Wait()
}

// Done implements Running.
func (r *linux) Done() <-chan struct{} { return r.done }

// Agent implements Running.
func (r *linux) Agent(_ context.Context, command string, args map[string]any) (any, error) {
	if r.kind.NoAgent || time.Now().Before(r.up) || r.ctx.Err() != nil {
		return nil, ErrNoAgent
	}
	switch command {
	case "ping":
		return map[string]any{}, nil
	case "info":
		return map[string]any{"version": "9.2.0", "supported_commands": []any{}}, nil
	case "get-osinfo":
		return map[string]any{"id": "debian", "name": "Debian GNU/Linux", "pretty-name": "Debian GNU/Linux 13 (trixie)",
			"version": "13 (trixie)", "version-id": "13", "kernel-release": "6.12.48+deb13-amd64", "machine": "x86_64"}, nil
	case "get-host-name":
		return map[string]any{"host-name": r.m.Name}, nil
	case "network-get-interfaces":
		return r.interfaces(), nil
	case "shutdown":
		r.Shutdown()
		return map[string]any{}, nil
	case "exec":
		return r.exec(args)
	case "exec-status":
		return r.execStatus(args["pid"].(int))
	case "file-write":
		return r.write(args["file"].(string), args["content"].([]byte))
	case "file-read":
		return r.read(args["file"].(string))
	}
	//lint:ignore ST1005 the agent's own words
	return nil, fmt.Errorf("The command guest-%s has not been found", command)
}

func (r *linux) interfaces() any {
	all := []map[string]any{{"name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": []map[string]any{
		{"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8},
	}}}
	for _, nic := range r.m.NICs {
		addresses := []map[string]any{}
		for _, a := range nic.Addresses {
			family := "ipv6"
			if a.Addr().Is4() {
				family = "ipv4"
			}
			addresses = append(addresses, map[string]any{"ip-address": a.Addr().String(), "ip-address-type": family, "prefix": a.Bits()})
		}
		all = append(all, map[string]any{"name": fmt.Sprintf("eth%d", nic.Index), "hardware-address": strings.ToLower(nic.MAC), "ip-addresses": addresses})
	}
	return all
}

func (r *linux) exec(args map[string]any) (any, error) {
	argv, stdin := args["command"].([]string), args["input"].([]byte)
	run := r.kind.Exec
	if run == nil {
		run = r.builtin
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return nil, ErrNoAgent
	}
	r.pid++
	e := &execution{}
	r.execs[r.pid] = e
	r.work.Go(func() {
		out, errOut, code, err := run(r.ctx, r.m, argv, stdin)
		if err != nil {
			errOut, code = append(errOut, err.Error()...), 127
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		*e = execution{exited: true, code: code, out: out, err: errOut}
	})
	return map[string]any{"pid": r.pid}, nil
}

func (r *linux) execStatus(pid int) (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.execs[pid]
	if e == nil {
		return nil, fmt.Errorf("PID %d does not exist", pid)
	}
	m := map[string]any{"exited": b2i(e.exited)}
	if e.exited {
		m["exitcode"] = e.code
		delete(r.execs, pid) // the agent forgets what it has told
	}
	if len(e.out) > 0 {
		m["out-data"] = string(e.out)
	}
	if len(e.err) > 0 {
		m["err-data"] = string(e.err)
	}
	return m, nil
}

// builtin are the commands of a guest in which nothing of the machine can be run.
func (r *linux) builtin(_ context.Context, m Machine, argv []string, stdin []byte) ([]byte, []byte, int, error) {
	switch filepath.Base(argv[0]) {
	case "true":
		return nil, nil, 0, nil
	case "false":
		return nil, nil, 1, nil
	case "hostname":
		return []byte(m.Name + "\n"), nil, 0, nil
	case "echo":
		return []byte(strings.Join(argv[1:], " ") + "\n"), nil, 0, nil
	case "cat":
		if len(argv) == 1 {
			return stdin, nil, 0, nil
		}
		raw, err := os.ReadFile(r.path(argv[1]))
		if err != nil {
			return nil, []byte("cat: " + argv[1] + ": No such file or directory\n"), 1, nil
		}
		return raw, nil, 0, nil
	}
	//lint:ignore ST1005 the agent's own words
	return nil, nil, 0, fmt.Errorf("Failed to execute child process “%s” (No such file or directory)", argv[0])
}

// path is where a file of the guest lies on the machine. Its name is encoded: nothing that a
// caller says leads out of the guest's directory.
func (r *linux) path(name string) string {
	return filepath.Join(r.m.Disk, "files", base64.RawURLEncoding.EncodeToString([]byte(name)))
}

func (r *linux) write(name string, content []byte) (any, error) {
	if err := os.WriteFile(r.path(name), content, 0o600); err != nil {
		return nil, fmt.Errorf("failed to open file '%s': %w", name, err)
	}
	return map[string]any{"count": len(content)}, nil
}

func (r *linux) read(name string) (any, error) {
	raw, err := os.ReadFile(r.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("failed to open file '%s' (mode: 'r'): No such file or directory", name)
	}
	return map[string]any{"content": string(raw), "bytes-read": len(raw)}, err
}
