package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// monitor is QEMU's machine protocol: docs/interop/qmp-spec in its sources.
type monitor struct {
	conn    net.Conn
	replies chan reply    // closed when the connection is
	resets  chan struct{} // holds one when the guest has reset itself
	opened  chan struct{} // holds one when the guest has opened the channel's port
}

// reply is one answer, or an event.
type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Description string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Open bool `json:"open"`
	} `json:"data"`
}

// dialMonitor waits for QEMU to listen, unless it ends.
func dialMonitor(path string, ended <-chan struct{}) (*monitor, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			m := &monitor{conn: conn, replies: make(chan reply), resets: make(chan struct{}, 1), opened: make(chan struct{}, 1)}
			go m.read()
			return m, m.execute("qmp_capabilities", nil, nil)
		}
		select {
		case <-ended:
			return nil, errEnded
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (m *monitor) read() {
	defer close(m.replies)
	lines := json.NewDecoder(m.conn)
	for {
		var r reply
		if err := lines.Decode(&r); err != nil {
			return
		}
		switch {
		case r.Event == "RESET":
			note(m.resets)
		case r.Event == "VSERPORT_CHANGE" && r.Data.Open:
			note(m.opened)
		case r.Return != nil || r.Error != nil:
			m.replies <- r
		}
	}
}

// execute runs one command; only one at a time. into may be nil.
func (m *monitor) execute(command string, arguments, into any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(m.conn).Encode(request); err != nil {
		return fmt.Errorf("cannot ask QEMU for %s: %w", command, err)
	}
	r, open := <-m.replies
	if !open {
		return fmt.Errorf("cannot ask QEMU for %s: %w", command, errEnded)
	}
	if r.Error != nil {
		return fmt.Errorf("QEMU refuses %s: %s", command, r.Error.Description)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(r.Return, into)
}

// note keeps that something has happened until somebody asks.
func note(event chan struct{}) {
	select {
	case event <- struct{}{}:
	default:
	}
}

// forget drops what happened before now.
func forget(event chan struct{}) {
	select {
	case <-event:
	default:
	}
}

// happened returns when the guest has done what it was told to.
func happened(ctx context.Context, event <-chan struct{}, what string) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the guest did not %s: %w", what, context.Cause(ctx))
	}
}

// close ends the connection; the reader goes with it.
func (m *monitor) close() {
	_ = m.conn.Close()
	for range m.replies {
	}
}
