package vms

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// Ping tells whether the guest agent of a VM of ours answers; no answer is an error
// of the kind agent.
func (d *Driver) Ping(ctx context.Context, name string) error {
	return d.agent(ctx, name, "ask the guest agent of", func(ctx context.Context, rec Record) error {
		_, err := d.api.send(ctx, http.MethodPost, d.agentPath(rec, "ping"), map[string]any{}, nil)
		return err
	})
}

// WaitAgent waits until the guest agent answers, as long as the context lasts.
func (d *Driver) WaitAgent(ctx context.Context, name string) error {
	for {
		err := d.Ping(ctx, name)
		if err == nil || !Is(err, KindAgent) {
			return err
		}
		if sleep(ctx, d.o.Poll) != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (d *Driver) agentPath(rec Record, command string) string {
	return d.api.nodePath(d.vmPath(rec.ID, "/agent/"+command))
}

// agent does something with the guest of a VM of ours. It does not wait for changes of
// the VM, nor keep them waiting.
func (d *Driver) agent(ctx context.Context, name, what string, do func(context.Context, Record) error) error {
	rec, _, err := d.existing(ctx, name)
	if err == nil {
		err = do(ctx, rec)
	}
	return tried(err, "%s VM %s", what, name)
}

// Interface is a network interface as the guest sees it.
type Interface struct {
	Name      string         `json:"name"`
	MAC       string         `json:"mac"`
	Addresses []netip.Prefix `json:"addresses"`
}

// Interfaces asks the guest for its network interfaces, loopback left out.
func (d *Driver) Interfaces(ctx context.Context, name string) ([]Interface, error) {
	var answer struct {
		Result []struct {
			Name string `json:"name"`
			MAC  string `json:"hardware-address"`
			IPs  []struct {
				Address string   `json:"ip-address"`
				Prefix  rest.Int `json:"prefix"`
			} `json:"ip-addresses"`
		} `json:"result"`
	}
	err := d.agent(ctx, name, "ask for the addresses of", func(ctx context.Context, rec Record) error {
		return d.api.get(ctx, d.agentPath(rec, "network-get-interfaces"), &answer)
	})
	if err != nil {
		return nil, err
	}
	all := []Interface{}
	for _, i := range answer.Result {
		if i.Name == "lo" {
			continue
		}
		one := Interface{Name: i.Name, MAC: i.MAC, Addresses: []netip.Prefix{}}
		for _, ip := range i.IPs {
			if addr, err := netip.ParseAddr(ip.Address); err == nil {
				one.Addresses = append(one.Addresses, netip.PrefixFrom(addr, int(ip.Prefix)))
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// Output is what a command in a guest ended with.
type Output struct {
	Exit      int
	Signal    int // that killed it, or 0
	Out, Err  string
	Truncated bool // the agent cut it
}

// Exec runs a command in the guest as root and waits for its end, as long as the
// context lasts; the command itself is not stopped then. It is not sent twice: when no
// answer came it may have run.
func (d *Driver) Exec(ctx context.Context, name string, command []string, input string) (Output, error) {
	var out Output
	err := d.agent(ctx, name, "run a command in", func(ctx context.Context, rec Record) error {
		if len(command) == 0 {
			return fail(KindInvalid, nil, "name a command", "there is no command")
		}
		if err := d.op("exec"); err != nil {
			return err
		}
		if _, err := d.verify(ctx, rec); err != nil {
			return err
		}
		body := map[string]any{"command": command}
		if input != "" {
			body["input-data"] = characters(input)
		}
		var started struct {
			PID rest.Int `json:"pid"`
		}
		if _, err := d.api.send(ctx, http.MethodPost, d.agentPath(rec, "exec"), body, &started); err != nil {
			return err
		}
		var err error
		out, err = d.awaitExec(ctx, rec, int(started.PID))
		return err
	})
	return out, err
}

func (d *Driver) awaitExec(ctx context.Context, rec Record, pid int) (Output, error) {
	pause := d.o.Poll / 8
	for {
		var s struct {
			Exited   truth    `json:"exited"`
			Code     rest.Int `json:"exitcode"`
			Signal   rest.Int `json:"signal"`
			Out      string   `json:"out-data"`
			Err      string   `json:"err-data"`
			OutTrunc truth    `json:"out-truncated"`
			ErrTrunc truth    `json:"err-truncated"`
		}
		if err := d.api.get(ctx, fmt.Sprintf("%s?pid=%d", d.agentPath(rec, "exec-status"), pid), &s); err != nil {
			return Output{}, err
		}
		if s.Exited {
			return Output{Exit: int(s.Code), Signal: int(s.Signal), Out: bytesIn(s.Out), Err: bytesIn(s.Err), Truncated: bool(s.OutTrunc || s.ErrTrunc)}, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return Output{}, fmt.Errorf("process %d in the guest goes on: %w", pid, err)
		}
		pause = min(d.o.Poll, pause+pause/2+1)
	}
}

// characters has a character for each byte of a text. Proxmox does not tell the two apart: it takes from
// each character of what a guest is to read one byte, and refuses one that is more.
func characters(text string) string {
	all := make([]rune, len(text))
	for i := range len(text) {
		all[i] = rune(text[i])
	}
	return string(all)
}

// bytesIn is a text whose bytes came as characters, as they do in what a guest has written.
func bytesIn(all string) string {
	raw := make([]byte, 0, len(all))
	for _, r := range all {
		if r > 0xff { // no byte: whoever has answered does tell them apart
			return all
		}
		raw = append(raw, byte(r))
	}
	return string(raw)
}

// truth is a boolean, which Proxmox writes as 1, true or "1".
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	*t = text == "1" || text == "true"
	return nil
}

const fileLimit = 61440 / 4 * 3 // bytes: Proxmox takes 61440 characters, and base64 makes 4 of 3

// WriteFile writes a file in the guest, up to 46080 bytes. The agent makes it 0644 and
// replaces what was there, but not atomically.
func (d *Driver) WriteFile(ctx context.Context, name, path string, content []byte) error {
	return d.agent(ctx, name, "write "+path+" in", func(ctx context.Context, rec Record) error {
		if len(content) > fileLimit {
			return fail(KindInvalid, nil, "write it in pieces, or have the guest fetch it", "the file has %d bytes, and the guest agent takes %d", len(content), fileLimit)
		}
		if err := d.op("write-file"); err != nil {
			return err
		}
		if _, err := d.verify(ctx, rec); err != nil {
			return err
		}
		body := map[string]any{"file": path, "content": base64.StdEncoding.EncodeToString(content), "encode": 0}
		_, err := d.api.send(ctx, http.MethodPost, d.agentPath(rec, "file-write"), body, nil)
		return err
	})
}
