package pve

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

func (v *vm) agentEnabled() bool {
	a, _ := schema.Agent.Parse("agent", v.Config["agent"])
	return a["enabled"] == "1"
}

// ask sends a command to the guest agent of the call's VM, in Proxmox's order of refusals.
func (s *Server) ask(r *request, command string, args map[string]any) (any, error) {
	v, err := r.vm()
	if err != nil {
		return nil, err
	}
	m := s.live[v.ID]
	switch {
	case !v.agentEnabled():
		return nil, die("No QEMU guest agent configured")
	case v.Run == nil || m == nil:
		return nil, die("VM %d is not running", v.ID)
	}
	silent := m.silent || s.agentSilent(v.ID) || v.Run.Paused
	var answer any
	err = r.unlocked(func() error {
		if silent {
			select {
			case <-time.After(s.o.Timing.of(s.o.Timing.AgentWait)):
			case <-r.ctx.Done():
			}
			return die("VM %d qga command 'guest-%s' failed - got timeout", v.ID, command)
		}
		var err error
		answer, err = m.running.Agent(r.ctx, command, args)
		return err
	})
	var e *apiError
	switch {
	case errors.Is(err, ErrNoAgent):
		return nil, die("QEMU guest agent is not running")
	case err != nil && !errors.As(err, &e):
		return nil, die("Agent error: %s", err)
	}
	return answer, err
}

func result(answer any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]any{"result": answer}, nil
}

// plainAgent answers a call whose command is the last piece of its path.
func (s *Server) plainAgent(command string) handler {
	return func(r *request) (any, error) { return result(s.ask(r, command, nil)) }
}

func (s *Server) anyAgent(r *request) (any, error) { return result(s.ask(r, r.text("command"), nil)) }

func (s *Server) agentExec(r *request) (any, error) {
	var argv []string
	for _, part := range r.p["command"].([]any) {
		argv = append(argv, schema.Text(part))
	}
	if len(argv) == 0 {
		return nil, die("command or input-data (or both) required")
	}
	return s.ask(r, "exec", map[string]any{"command": argv, "input": []byte(r.text("input-data"))})
}

func (s *Server) agentExecStatus(r *request) (any, error) {
	return s.ask(r, "exec-status", map[string]any{"pid": r.p.Int("pid", 0)})
}

func (s *Server) agentWrite(r *request) (any, error) {
	content := []byte(r.text("content"))
	if !r.bool("encode", true) {
		raw, err := base64.StdEncoding.DecodeString(r.text("content"))
		if err != nil {
			return nil, die("Agent error: Invalid base64 content")
		}
		content = raw
	}
	_, err := s.ask(r, "file-write", map[string]any{"file": r.text("file"), "content": content})
	return nil, err
}

func (s *Server) agentRead(r *request) (any, error) {
	return s.ask(r, "file-read", map[string]any{"file": r.text("file")})
}

func (s *Server) agentIndex(r *request) (any, error) {
	if _, err := r.vm(); err != nil {
		return nil, err
	}
	return index("exec", "exec-status", "file-read", "file-write", "get-host-name", "get-osinfo", "info", "network-get-interfaces", "ping", "shutdown"), nil
}
