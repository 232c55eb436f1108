package confirm

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain is also the daemon and the guard of the tests with real processes,
// which start this binary again, and what talks to a real systemd.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		role, args := os.Args[1], os.Args[2:]
		run := map[string]func([]string) error{"daemon": daemonProcess, "guard": guardProcess, "timer": timerProcess}[role]
		if run != nil {
			if err := run(args); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	goleak.VerifyTestMain(m)
}
