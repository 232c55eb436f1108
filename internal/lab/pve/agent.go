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
	input, err := bytesOf(r.text("input-data"))
	if err != nil {
		return nil, err
	}
	return s.ask(r, "exec", map[string]any{"command": argv, "input": input})
}

func (s *Server) agentExecStatus(r *request) (any, error) {
	return characters(s.ask(r, "exec-status", map[string]any{"pid": r.p.Int("pid", 0)}))
}

func (s *Server) agentWrite(r *request) (any, error) {
	content, err := base64.StdEncoding.DecodeString(r.text("content"))
	switch {
	case r.bool("encode", true):
		if content, err = bytesOf(r.text("content")); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, die("Agent error: Invalid base64 content")
	}
	_, err = s.ask(r, "file-write", map[string]any{"file": r.text("file"), "content": content})
	return nil, err
}

// Perl's strings do not tell bytes from characters: what comes from a guest as bytes goes out as so many
// characters, and what goes to it must not have a character that is more than a byte.
func characters(answer any, err error) (any, error) {
	if fields, is := answer.(map[string]any); is {
		for _, name := range []string{"out-data", "err-data", "content"} {
			if text, is := fields[name].(string); is {
				wide := make([]rune, len(text))
				for i := range len(text) {
					wide[i] = rune(text[i])
				}
				fields[name] = string(wide)
			}
		}
	}
	return answer, err
}

func bytesOf(text string) ([]byte, error) {
	var raw []byte
	for _, r := range text {
		if r > 0xff {
			return nil, die("Wide character in subroutine entry at /usr/share/perl5/PVE/QemuServer/Agent.pm line 135.")
		}
		raw = append(raw, byte(r))
	}
	return raw, nil
}

func (s *Server) agentRead(r *request) (any, error) {
	return characters(s.ask(r, "file-read", map[string]any{"file": r.text("file")}))
}

func (s *Server) agentIndex(r *request) (any, error) {
	if _, err := r.vm(); err != nil {
		return nil, err
	}
	return index("exec", "exec-status", "file-read", "file-write", "get-host-name", "get-osinfo", "info", "network-get-interfaces", "ping", "shutdown"), nil
}
