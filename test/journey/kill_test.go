package journey

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// A full apply, killed with SIGKILL before and after every write to the journal
// and before every other side effect, ends after a restart in the state of the
// apply that nobody killed.
func TestAnApplyKilledAnywhereEndsLikeTheUninterruptedOne(t *testing.T) {
	h := newHost(t, lab.Options{Name: "kill"})
	h.start()
	h.setExample()
	before := h.snapshot()
	h.apply(client.ApplyRequest{})
	want, points := h.snapshot(), h.sideEffects()
	if want == before {
		t.Fatal("the apply changed nothing that the snapshot shows: it proves nothing")
	}
	tried, journal := 0, 0
	began := time.Now()
	for n := 1; n <= len(points)+2; n++ { // the order is not the same every time, so a little further
		h.reset()
		if !h.killedAt(n) {
			break
		}
		tried++
		made := h.sideEffects()
		if strings.HasPrefix(made[len(made)-1], "journal:") {
			journal++
		}
		h.start()
		h.finish()
		if got := h.snapshot(); got != want {
			t.Fatalf("killed at %d (%s): the host is not as after the uninterrupted apply (-want +got):\n%s", n, made[len(made)-1], cmp.Diff(want, got))
		}
		if changes := h.plan(); len(changes) > 0 {
			t.Fatalf("killed at %d: the plan still has %+v", n, changes)
		}
	}
	// Steps run side by side, and the reconciler looks meanwhile: the number is not the same every time.
	if tried < len(points)*9/10 {
		t.Errorf("killed at %d points only; the apply has %d side effects", tried, len(points))
	}
	fmt.Printf("kill: %d points tried, %d of them journal writes, %s a point\n", tried, journal, (time.Since(began) / time.Duration(max(tried, 1))).Round(time.Millisecond))
}

// sideEffects returns what passed the seam since reset.
func (h *host) sideEffects() []string {
	h.t.Helper()
	log, err := h.Host.ReadFile(seamLog)
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(log)), "\n")
}

// reset brings the host back to what it was before waddled, without its help.
func (h *host) reset() {
	h.t.Helper()
	if err := h.KillDaemon(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.run(`set -e
: > ` + seamLog + `
rm -rf /var/lib/waddle /run/.lab/storage /root/.ssh/authorized_keys /etc/waddle/firewall /etc/network/interfaces.d/waddle /etc/sysctl.d/60-waddle.conf
ip link del vmbr1 2>/dev/null || :
nft flush ruleset
sysctl -q -w net.ipv4.ip_forward=0`)
}

// killedAt starts a daemon that kills itself at its n-th side effect, asks it
// for the apply, and reports whether it died of that.
func (h *host) killedAt(n int) bool {
	h.t.Helper()
	h.start(fmt.Sprintf("%s=%d", envKillAt, n))
	_, _ = h.tryApply(client.ApplyRequest{}) // the answer may never come
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if _, alive := h.Daemon(); !alive {
			return true
		}
		list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
		if err == nil && len(list.JSON200.Operations) > 0 && list.JSON200.Operations[0].State.Final() {
			time.Sleep(100 * time.Millisecond) // the last writes come after the end
			_, alive := h.Daemon()
			return !alive
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("the daemon that was to die at side effect %d neither died nor ended its operation", n)
	return false
}

// finish lets the restarted daemon end what it found; where the operation never
// began, it is asked for again, as the operator would.
func (h *host) finish() {
	h.t.Helper()
	list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, op := range list.JSON200.Operations {
		if op.Kind == client.OperationKindApply {
			h.ended(op.ID)
			return
		}
	}
	h.apply(client.ApplyRequest{})
}
