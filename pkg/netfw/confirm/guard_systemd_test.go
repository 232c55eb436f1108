package confirm

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

var update = flag.Bool("update", false, "write the golden files")

// fakeSystemd prints what it is asked for.
type fakeSystemd struct {
	asked  strings.Builder
	result string
	err    error
}

func (s *fakeSystemd) StartTransientUnitAux(_ context.Context, name, mode string, properties []dbus.Property, aux []dbus.PropertyCollection, ch chan<- string) (int, error) {
	fmt.Fprintf(&s.asked, "%s, mode %s\n", name, mode)
	s.print(properties)
	for _, a := range aux {
		fmt.Fprintf(&s.asked, "%s\n", a.Name)
		s.print(a.Properties)
	}
	if s.result != "" {
		ch <- s.result
	}
	return 1, s.err
}

func (s *fakeSystemd) print(properties []dbus.Property) {
	for _, p := range properties {
		fmt.Fprintf(&s.asked, "  %s %s = %v\n", p.Value.Signature(), p.Name, p.Value.Value())
	}
}

func (s *fakeSystemd) StopUnitContext(_ context.Context, name, mode string, _ chan<- string) (int, error) {
	fmt.Fprintf(&s.asked, "stop %s, mode %s\n", name, mode)
	return 1, s.err
}

func (*fakeSystemd) Close() {}

func timers(s *fakeSystemd, err error) *timerGuard {
	return &timerGuard{
		command: []string{"/usr/sbin/waddled", "firewall", "expire", "--dir", DefaultDir, "--run-dir", DefaultRun},
		lead:    guardLead,
		clock:   Clock{Boot: func() time.Duration { return time.Hour }},
		connect: func(context.Context) (systemd, error) { return s, err },
	}
}

func TestTheTimerThatSystemdIsAskedFor(t *testing.T) {
	s := &fakeSystemd{result: "done"}
	g := timers(s, nil)
	handle, err := g.Arm(t.Context(), "change-0a1b2c3d", time.Hour+2*time.Minute)
	if err != nil || handle != "systemd:waddle-firewall-change-0a1b2c3d.timer" {
		t.Fatalf("%q, %v", handle, err)
	}
	if err := g.Disarm(t.Context(), "change-0a1b2c3d", handle); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/systemd-timer.txt"
	if *update {
		if err := os.WriteFile(file, []byte(s.asked.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != s.asked.String() {
		t.Errorf("%s differs (%v; renew with -update):\n%s", file, err, s.asked.String())
	}
}

func TestATimerThatDoesNotStartIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		systemd *fakeSystemd
		connect error
		says    string
	}{
		"no systemd":                  {&fakeSystemd{}, errors.New("connection refused"), "cannot ask systemd for the timer waddle-firewall-x.timer: connection refused"},
		"a unit of that name exists":  {&fakeSystemd{err: errors.New("unit exists")}, nil, "cannot start the timer waddle-firewall-x.timer: unit exists"},
		"the job failed":              {&fakeSystemd{result: "failed"}, nil, `systemd says "failed"`},
		"systemd does not say a word": {&fakeSystemd{}, nil, "context deadline exceeded"},
	} {
		patience := time.Minute
		if name == "systemd does not say a word" {
			patience = 50 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := timers(c.systemd, c.connect).Arm(ctx, "x", 2*time.Hour); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
		cancel()
	}
}

func TestAGuardOfTheOtherKindIsLeftAlone(t *testing.T) {
	s := &fakeSystemd{}
	if err := timers(s, nil).Disarm(t.Context(), "x", "process:1"); err != nil || s.asked.Len() > 0 {
		t.Errorf("%v: %s", err, s.asked.String())
	}
	if err := ProcessGuard(nil).Disarm(t.Context(), "x", "systemd:x.timer"); err != nil {
		t.Error(err)
	}
	// Process 1 is no guard of ours, whatever the handle says.
	if err := ProcessGuard(nil).Disarm(t.Context(), "x", "process:1"); err != nil {
		t.Error(err)
	}
}
