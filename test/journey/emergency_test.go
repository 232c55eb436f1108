package journey

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// emergencyLasts is long enough for the daemon to fight it, if it did: a repair
// takes less than half a second.
const emergencyLasts = 4 * time.Second

// An emergency at the console opens what it says to whom it says, while the
// daemon runs and leaves it alone, and ends by itself in the rules from before.
func TestAnEmergencyIsNotFoughtByTheDaemonAndEndsByItself(t *testing.T) {
	h := newHost(t, lab.Options{Name: "emergency"})
	h.installWaddled()
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	want := h.snapshot()
	if got := h.scanner("22"); got != "22" {
		t.Fatalf("after phase 0 the scanner should reach port 22 and not 8006, and reaches %q", got)
	}

	began := time.Now()
	if code, out := h.waddled(nil, "emergency", "--from", lab.ScannerAddr.String(), "--for", emergencyLasts.String(), "--ui"); code != 0 {
		t.Fatalf("waddled emergency ended with %d: %s", code, out)
	}
	for time.Since(began) < emergencyLasts-time.Second {
		if !h.reachesBefore(began.Add(emergencyLasts), h.Scanner, "8006") {
			t.Fatalf("the emergency stopped to let the scanner in before %s were over", emergencyLasts)
		}
		if h.reaches(h.Internet, "8006", inVain) {
			t.Fatal("the emergency lets somebody in who was not named")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if h.reaches(h.Scanner, "22", inVain) && time.Since(began) < emergencyLasts {
		t.Error("the emergency left SSH open, which was not asked for")
	}
	if changes := h.plan(); len(changes) > 0 {
		t.Errorf("the daemon takes the emergency for drift: %+v", changes)
	}

	h.await(time.Minute, "the rules from before are back", func() bool {
		return h.reaches(h.Scanner, "22", inVain) && !h.reaches(h.Scanner, "8006", inVain)
	})
	fmt.Printf("emergency: the rules from before were back %s after its end\n", time.Since(began.Add(emergencyLasts)).Round(10*time.Millisecond))
	if got := h.snapshot(); got != want {
		t.Errorf("after the emergency the host is not as before (-before +after):\n%s", cmp.Diff(want, got))
	}
	list, err := h.api.ListOperationsWithResponse(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range list.JSON200.Operations {
		if op.Kind == client.OperationKindReconcile {
			t.Errorf("the daemon repaired something: %+v", op)
		}
	}
}
