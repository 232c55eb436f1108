package appliance

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPanicIsSeenHoweverItsLineIsCut(t *testing.T) {
	const said = "[    1.0] all is well\n[    2.0] Kernel panic - not syncing: Fatal exception\n[    2.1] Call Trace:\n"
	for cut := 1; cut < len(said); cut++ {
		c := tempConsole(t)
		for _, part := range []string{said[:cut], said[cut:]} {
			if _, err := c.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		var p *PanicError
		if !errors.As(c.panic(), &p) || !strings.Contains(p.Line, "not syncing") {
			t.Fatalf("cut after %d bytes the console reports %v", cut, c.panic())
		}
		select {
		case <-c.panicSeen():
		default:
			t.Fatalf("cut after %d bytes nobody is told", cut)
		}
	}
}

func TestWhatIsNoPanicIsNone(t *testing.T) {
	c := tempConsole(t)
	for _, line := range []string{"panic=0 oops=panic on the command line\n", "systemd[1]: no kernel panic today\n", "WARNING: CPU: 0 PID: 1\n"} {
		if _, err := c.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.panic(); err != nil {
		t.Errorf("the console reports %v", err)
	}
}

func TestAGuestThatIsStartedAgainHasNotPanicked(t *testing.T) {
	c := tempConsole(t)
	if _, err := c.Write([]byte("Kernel panic - not syncing: x\n")); err != nil {
		t.Fatal(err)
	}
	c.forgetPanic()
	if err := c.panic(); err != nil {
		t.Errorf("the console still reports %v", err)
	}
	select {
	case <-c.panicSeen():
		t.Error("whoever waits for the new guest is told of the old one's panic")
	default:
	}
}

func tempConsole(t *testing.T) *console {
	t.Helper()
	c, err := newConsole(filepath.Join(t.TempDir(), "console.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
