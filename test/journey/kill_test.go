package journey

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// killHosts share the points out among them: one works while another waits.
const killHosts = 2

// kills is what was tried on a host.
type kills struct {
	points  int // side effects of an apply that nobody kills
	tried   int
	journal int // tried before or after a write to the journal
}

// A full apply, killed with SIGKILL before and after every write to the journal
// and before every other side effect, ends after a restart in the state of the
// apply that nobody killed.
func TestAnApplyKilledAnywhereEndsLikeTheUninterruptedOne(t *testing.T) {
	var mu sync.Mutex
	var all kills
	began := time.Now()
	t.Run("shared out", func(t *testing.T) {
		for first := 1; first <= killHosts; first++ {
			t.Run(fmt.Sprintf("from point %d on", first), func(t *testing.T) {
				t.Parallel()
				k := newHost(t, lab.Options{Name: fmt.Sprintf("kill%d", first)}).killFrom(first)
				mu.Lock()
				defer mu.Unlock()
				all = kills{max(all.points, k.points), all.tried + k.tried, all.journal + k.journal}
			})
		}
	})
	// Steps run side by side, and the reconciler looks meanwhile: the number is not the same every time.
	if all.tried < all.points*9/10 {
		t.Errorf("killed at %d points only; the apply has %d side effects", all.tried, all.points)
	}
	fmt.Printf("kill: %d points tried on %d hosts side by side, %d of them journal writes, %s a point\n",
		all.tried, killHosts, all.journal, (time.Since(began) / time.Duration(max(all.tried, 1))).Round(time.Millisecond))
}

// killFrom tries the point and then each one that no other host tries.
func (h *host) killFrom(first int) (k kills) {
	t := h.t
	h.start()
	h.setExample()
	before := h.snapshot()
	h.apply(client.ApplyRequest{})
	want := h.snapshot()
	k.points = len(h.sideEffects())
	if want == before {
		t.Fatal("the apply changed nothing that the snapshot shows: it proves nothing")
	}
	for n := first; n <= k.points+2; n += killHosts { // the order is not the same every time, so a little further
		h.reset()
		if !h.killedAt(n) {
			break
		}
		k.tried++
		made := h.sideEffects()
		last := made[len(made)-1]
		if strings.HasPrefix(last, "journal:") {
			k.journal++
		}
		h.start()
		h.finish()
		if got := h.snapshot(); got != want {
			t.Fatalf("killed at %d (%s): the host is not as after the uninterrupted apply (-want +got):\n%s", n, last, cmp.Diff(want, got))
		}
		if changes := h.plan(); len(changes) > 0 {
			t.Fatalf("killed at %d: the plan still has %+v", n, changes)
		}
	}
	return k
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
	_, _ = h.tryApply(client.ApplyRequest{})       // the answer may never come
	const often, seldom = 5 * time.Millisecond, 20 // a question takes the daemon time, a look at the process does not
	deadline := time.Now().Add(3 * time.Minute)
	for turn := 0; time.Now().Before(deadline); turn++ {
		if _, alive := h.Daemon(); !alive {
			return true
		}
		if turn%seldom == 0 && h.isOver() {
			return h.diesAfterTheEnd()
		}
		time.Sleep(often)
	}
	h.t.Fatalf("the daemon that was to die at side effect %d neither died nor ended its operation", n)
	return false
}

// diesAfterTheEnd gives a daemon whose operation is over some time: the last writes
// come after the end. The looks are counted, not the time: on a machine that stands
// still the daemon does too.
func (h *host) diesAfterTheEnd() bool {
	h.t.Helper()
	for range 100 {
		if _, alive := h.Daemon(); !alive {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// isOver reports whether the newest operation has ended.
func (h *host) isOver() bool {
	h.t.Helper()
	list, err := h.api.ListOperationsWithResponse(h.t.Context(), nil)
	return err == nil && len(list.JSON200.Operations) > 0 && list.JSON200.Operations[0].State.Final()
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
