package confirm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// systemd is what the guard needs of a connection to it.
type systemd interface {
	StartTransientUnitAux(ctx context.Context, name, mode string, properties []dbus.Property, aux []dbus.PropertyCollection, ch chan<- string) (int, error)
	StopUnitContext(ctx context.Context, name, mode string, ch chan<- string) (int, error)
	Close()
}

// timerGuard is a transient systemd timer: it belongs to systemd alone, so
// nothing that happens to the daemon or its cgroup reaches it.
type timerGuard struct {
	command []string // what expires, without the id
	lead    time.Duration
	clock   Clock
	connect func(context.Context) (systemd, error)
}

// SystemdGuard arms transient timers. command is the program, with an absolute
// path, and its arguments, to which --id, the id, --at and the deadline in
// nanoseconds are added: the timer starts it a little before, and it waits.
func SystemdGuard(command []string) Guard {
	return &timerGuard{command: command, lead: guardLead, clock: SystemClock(), connect: func(ctx context.Context) (systemd, error) {
		return dbus.NewSystemdConnectionContext(ctx) // systemd's own socket: a bus daemon need not run
	}}
}

// systemdTimeout bounds a systemd that does not answer.
const systemdTimeout = 10 * time.Second

// Arm starts waddle-firewall-ID.timer.
func (g *timerGuard) Arm(ctx context.Context, id string, at time.Duration) (string, error) {
	unit := "waddle-firewall-" + id + ".timer"
	ctx, cancel := context.WithTimeout(ctx, systemdTimeout)
	defer cancel()
	conn, err := g.connect(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot ask systemd for the timer %s: %w", unit, err)
	}
	defer conn.Close()
	done := make(chan string, 1)
	wait := max(at-g.lead-g.clock.Boot(), time.Millisecond)
	if _, err := conn.StartTransientUnitAux(ctx, unit, "fail", timerProperties(id, wait), g.service(id, at), done); err != nil {
		return "", fmt.Errorf("cannot start the timer %s: %w", unit, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return "", fmt.Errorf("cannot start the timer %s: systemd says %q", unit, result)
		}
		return "systemd:" + unit, nil
	case <-ctx.Done():
		return "", fmt.Errorf("cannot start the timer %s: %w", unit, ctx.Err())
	}
}

// monotonic is an element of the property TimersMonotonic, a(st).
type monotonic struct {
	Base  string
	After uint64 // microseconds
}

// timerProperties are systemd.timer(5)'s: OnActiveSec counts on CLOCK_MONOTONIC.
// Without an accuracy of its own a timer may be a minute late.
func timerProperties(id string, wait time.Duration) []dbus.Property {
	return []dbus.Property{
		dbus.PropDescription("waddle: roll the firewall back unless " + id + " is confirmed"),
		property("TimersMonotonic", []monotonic{{"OnActiveSec", uint64(wait.Microseconds())}}),
		property("AccuracyUSec", uint64(1000)),
		property("RemainAfterElapse", false),
		property("DefaultDependencies", false),
	}
}

// exitStatus is the property RestartForceExitStatus, (aiai).
type exitStatus struct{ Codes, Signals []int32 }

// service is what the timer starts. It tries until the rules are right, and
// systemd starts it again when it dies, also of the signals that count as a clean
// end, with which somebody may end all programs of its name.
func (g *timerGuard) service(id string, at time.Duration) []dbus.PropertyCollection {
	clean := exitStatus{[]int32{}, []int32{int32(unix.SIGHUP), int32(unix.SIGINT), int32(unix.SIGPIPE), int32(unix.SIGTERM)}}
	return []dbus.PropertyCollection{{
		Name: "waddle-firewall-" + id + ".service",
		Properties: []dbus.Property{
			dbus.PropDescription("waddle: roll the firewall back unless " + id + " is confirmed"),
			dbus.PropExecStart(append(g.command[:len(g.command):len(g.command)], "--id", id, "--at", strconv.FormatInt(int64(at), 10)), false),
			dbus.PropType("exec"),
			property("Restart", "on-failure"),
			property("RestartForceExitStatus", clean),
			property("RestartUSec", uint64(200_000)),
			property("StartLimitIntervalUSec", uint64(0)),
			property("DefaultDependencies", false),
			property("OOMScoreAdjust", int32(guardOOM)),
			property("Nice", int32(guardNice)),
		},
	}}
}

func property(name string, value any) dbus.Property {
	return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
}

// Disarm stops the timer.
func (g *timerGuard) Disarm(ctx context.Context, _, handle string) error {
	unit, ok := strings.CutPrefix(handle, "systemd:")
	if !ok {
		return nil // another kind of guard armed it
	}
	ctx, cancel := context.WithTimeout(ctx, systemdTimeout)
	defer cancel()
	conn, err := g.connect(ctx)
	if err != nil {
		return fmt.Errorf("cannot stop the timer %s: %w", unit, err)
	}
	defer conn.Close()
	if _, err := conn.StopUnitContext(ctx, unit, "replace", nil); err != nil {
		return fmt.Errorf("cannot stop the timer %s: %w", unit, err)
	}
	return nil
}

// SystemdRuns reports whether systemd is this host's process 1 and would work in
// our network namespace. In a container or a lab it would load its rules into
// another one.
func SystemdRuns() bool {
	comm, err := os.ReadFile("/proc/1/comm")
	if err != nil || strings.TrimSpace(string(comm)) != "systemd" {
		return false
	}
	if _, err := os.Stat("/run/systemd/private"); err != nil {
		return false
	}
	its, err := os.Readlink("/proc/1/ns/net")
	if errors.Is(err, fs.ErrPermission) {
		// A service with fewer capabilities than process 1 may not look there
		// (ptrace(2), access mode checking). Then systemd itself has started us.
		return os.Getenv("INVOCATION_ID") != ""
	}
	ours, oursErr := os.Readlink("/proc/self/ns/net")
	return err == nil && oursErr == nil && its == ours
}
