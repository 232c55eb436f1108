package phase

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/server/listen/listentest"
)

// inGuest runs programs on this machine, as an agent does in a VM.
func inGuest(ctx context.Context, argv ...string) (int, string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return 0, "", err
	}
	return cmd.ProcessState.ExitCode(), out.String(), nil
}

// listen listens on a port that nobody else gets once the listener is closed.
func listen(t *testing.T) (net.Listener, netip.AddrPort) {
	t.Helper()
	at := listentest.Port(t, "127.0.0.1")
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, at
}

func TestAVMSeesWhetherAPortAnswers(t *testing.T) {
	l, open := listen(t)
	_, control := listen(t)
	g := GuestOutside{Place: "VM 102 (teleport)", Run: inGuest, Control: control}
	c, err := g.Connect(t.Context(), open)
	if err != nil || !c.Answered || c.From != "VM 102 (teleport), its public side" {
		t.Errorf("an open port: %+v, %v", c, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := g.Connect(t.Context(), open); err != nil || c.Answered || c.Detail != "connection refused" {
		t.Errorf("a closed port: %+v, %v", c, err)
	}
	g.Control = open
	var none *NoOutsideError
	if _, err := g.Connect(t.Context(), open); !errors.As(err, &none) || !strings.Contains(err.Error(), "does not even reach "+open.String()) {
		t.Errorf("a VM that reaches nobody: %v", err)
	}
}

func TestWhatAGuestAgentAnswersIsUnderstood(t *testing.T) {
	const controlled = "timeout 4 bash -c exec 3<>/dev/tcp/1.1.1.1/53"
	for name, c := range map[string]struct {
		exit   int
		output string
		err    error
		want   Connection
		none   string
	}{
		"nothing comes back":        {124, "", nil, Connection{From: "VM 102, its public side", Detail: "no answer within 4s"}, ""},
		"it is refused":             {1, "bash: connect: Connection refused\nbash: line 1: /dev/tcp/203.0.113.10/22: Connection refused\n", nil, Connection{From: "VM 102, its public side", Detail: "connection refused"}, ""},
		"there is no way there":     {1, "bash: line 1: /dev/tcp/203.0.113.10/22: Network is unreachable\n", nil, Connection{}, "VM 102 cannot try 203.0.113.10:22: exit code 1: Network is unreachable"},
		"it has no bash":            {127, "timeout: failed to run command 'bash': No such file or directory", nil, Connection{}, "VM 102 cannot try 203.0.113.10:22: exit code 127: No such file or directory"},
		"the agent does not answer": {0, "", errors.New("QEMU guest agent is not running"), Connection{}, "VM 102 does not run what it is asked to: QEMU guest agent is not running"},
	} {
		t.Run(name, func(t *testing.T) {
			var ran []string
			g := GuestOutside{Place: "VM 102", Control: netip.MustParseAddrPort("1.1.1.1:53"), Run: func(_ context.Context, argv ...string) (int, string, error) {
				if ran = append(ran, strings.Join(argv, " ")); len(ran) == 2 {
					return 0, "", nil
				}
				return c.exit, c.output, c.err
			}}
			got, err := g.Connect(t.Context(), netip.MustParseAddrPort("203.0.113.10:22"))
			var none *NoOutsideError
			if c.none == "" && (err != nil || got != c.want || len(ran) != 2 || ran[1] != controlled) {
				t.Errorf("it is %+v, %v; it ran %q", got, err, ran)
			}
			if c.none != "" && (!errors.As(err, &none) || !strings.Contains(err.Error(), c.none)) {
				t.Errorf("it is %v, want %q", err, c.none)
			}
			if want := "timeout 4 bash -c exec 3<>/dev/tcp/203.0.113.10/22"; ran[0] != want {
				t.Errorf("it ran %q, want %q", ran[0], want)
			}
		})
	}
}
