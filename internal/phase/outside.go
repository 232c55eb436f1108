package phase

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Outside is a place beyond the host's own firewall. The host cannot be it:
// what it sends to its own address never passes its public bridge.
type Outside interface {
	// Connect opens a TCP connection, closes it again and sends nothing over it.
	// It answers within seconds. A *NoOutsideError says that there is no such
	// place now; other errors are defects.
	Connect(ctx context.Context, to netip.AddrPort) (Connection, error)
}

// Connection is what became of an attempt.
type Connection struct {
	From     string // the place, in words
	Answered bool   // the connection was opened
	Detail   string // "no answer within 4s"
}

// NoOutsideError says why nothing can be tried from outside.
type NoOutsideError struct{ Why string }

func (e *NoOutsideError) Error() string { return "cannot look from outside: " + e.Why }

// noOutside is where no VM has a public side yet.
type noOutside struct{}

func (noOutside) Connect(context.Context, netip.AddrPort) (Connection, error) {
	return Connection{}, &NoOutsideError{"waddled runs on the host itself, and has no VM with a public address to look from"}
}

// GuestOutside looks from inside a VM that has a public address of its own and
// leaves by it: the Teleport VM.
type GuestOutside struct {
	Place string // "VM 102 (teleport)"
	// Run runs a program in the VM and waits for it, as QEMU's guest agent does.
	Run func(ctx context.Context, argv ...string) (exit int, output string, err error)
	// Control is what the VM has to reach before its silence means anything: a
	// VM without a network sees every port closed.
	Control netip.AddrPort
}

const (
	connectWithin = 4 * time.Second
	// The guest agent is asked for the end again and again, which takes time too.
	guestGrace = 4 * time.Second
)

// Connect has bash connect, which every Debian has, as it has timeout.
func (g GuestOutside) Connect(ctx context.Context, to netip.AddrPort) (Connection, error) {
	c := Connection{From: g.Place + ", its public side"}
	var err error
	if c.Answered, c.Detail, err = g.try(ctx, to); err != nil || c.Answered {
		return c, err
	}
	reached, detail, err := g.try(ctx, g.Control)
	if err == nil && !reached {
		err = &NoOutsideError{fmt.Sprintf("%s does not even reach %s: %s", g.Place, g.Control, detail)}
	}
	if err != nil {
		return Connection{}, err
	}
	return c, nil
}

// Exit codes of timeout(1) and of bash.
const (
	exitConnected = 0
	exitRefused   = 1
	exitTimeout   = 124
)

func (g GuestOutside) try(ctx context.Context, to netip.AddrPort) (answered bool, detail string, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin+guestGrace)
	defer cancel()
	exit, output, err := g.Run(ctx, "timeout", strconv.Itoa(int(connectWithin.Seconds())), "bash", "-c",
		fmt.Sprintf("exec 3<>/dev/tcp/%s/%d", to.Addr(), to.Port()))
	said := lastWords(output)
	switch {
	case err != nil:
		return false, "", &NoOutsideError{fmt.Sprintf("%s does not run what it is asked to: %v", g.Place, err)}
	case exit == exitConnected:
		return true, "the connection was opened", nil
	case exit == exitTimeout:
		return false, fmt.Sprintf("no answer within %s", connectWithin), nil
	case exit == exitRefused && said == "Connection refused":
		return false, "connection refused", nil
	}
	return false, "", &NoOutsideError{fmt.Sprintf("%s cannot try %s: exit code %d: %s", g.Place, to, exit, said)}
}

// lastWords is what a program said last, without what bash puts before it.
func lastWords(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	words := strings.Split(lines[len(lines)-1], ": ")
	return words[len(words)-1]
}
