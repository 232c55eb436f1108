package journey

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// longestPause is how long a download may stand still while its host is
// adopted. The lab's server sends ten pieces a second.
const longestPause = 500 * time.Millisecond

func TestAHostThatFollowedThePlanByHandIsAdoptedWithoutAMomentOfLostConnectivity(t *testing.T) {
	fresh := newHost(t, lab.Options{Name: "adoptfresh"})
	fresh.start()
	fresh.setExample()
	fresh.apply(client.ApplyRequest{})
	want := fresh.snapshot()

	h := newHost(t, lab.Options{Name: "adopt", HandTyped: true})
	h.start()
	h.setExample()
	before := h.snapshot()

	for _, step := range h.plan() {
		for _, d := range step.Result.Differences {
			if d.Kind == client.DifferenceKindConflict {
				t.Errorf("the plan's own commands are a conflict: %s: %s, should be %s", d.Object, d.Is, d.Want)
			}
		}
	}
	h.refusedWithoutConsent()
	if now := h.snapshot(); now != before {
		t.Fatalf("an apply without consent changed the host (-before +now):\n%s", cmp.Diff(before, now))
	}

	vm := h.plug()
	beside := startDownload(t, h.Scanner) // does not pass the host: what pauses it is the machine
	download := startDownload(t, vm)
	h.apply(client.ApplyRequest{Adopt: true})
	time.Sleep(300 * time.Millisecond)
	bytes, pause := download.stop()
	if _, machine := beside.stop(); pause > longestPause+machine {
		t.Errorf("the download stood still for %s, and one that does not pass the host for %s", pause, machine)
	}
	h.unplug(vm)
	// Its MAC is left to the kernel until the next boot: the VMs know the gateway by it.
	if !strings.Contains(h.snapshot(), "vmbr1 type bridge mac of its ports") {
		t.Error("the adoption changed the bridge's MAC")
	}
	if got := alike(h.snapshot()); got != alike(want) {
		t.Errorf("the adopted host is not like a fresh one (-fresh +adopted):\n%s", cmp.Diff(alike(want), got))
	}
	h.keptOnlyItsOwn(fresh)
	fmt.Printf("adopt: %d bytes came through NAT during the adoption, the longest pause was %s\n", bytes, pause.Round(time.Millisecond))

	h.undo(1)
	h.undo(0)
	if after := h.snapshot(); after != before {
		t.Errorf("after undo the host is not as it was typed (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// alike leaves out of a snapshot what tells two labs apart, and the operator's
// own files, which keptOnlyItsOwn looks into.
func alike(snapshot string) string {
	var kept []string
	for line := range strings.Lines(snapshot) {
		switch {
		case strings.HasPrefix(line, "/etc/iptables"), strings.HasPrefix(line, "/etc/network/interfaces "):
		case strings.HasPrefix(line, "vmbr1 type bridge mac "):
			kept = append(kept, strings.Replace(line, "02:00:0a:0a:00:01", "of its ports", 1))
		case strings.HasPrefix(line, "eno1 "):
			words := strings.Fields(line)
			kept = append(kept, strings.Join(append(words[:4], words[5:]...), " ")+"\n") // without its MAC
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// keptOnlyItsOwn looks into the files that were the operator's and stay: the
// lines that are ours now are gone from them, the others are not.
func (h *host) keptOnlyItsOwn(fresh *host) {
	h.t.Helper()
	const interfaces = "/etc/network/interfaces"
	left, want := strings.TrimRight(h.run("cat "+interfaces), "\n"), strings.TrimRight(fresh.run("cat "+interfaces), "\n")
	if left != want {
		h.t.Errorf("%s still has more than a fresh host's (-fresh +adopted):\n%s", interfaces, cmp.Diff(want, left))
	}
	for line := range strings.Lines(h.run("cat /etc/iptables/rules.v4")) {
		if strings.HasPrefix(line, "-A") {
			h.t.Errorf("a rule that was adopted would come back at boot: %s", line)
		}
	}
	if copies := strings.Fields(h.run("find /var/lib/waddle/adopted -type f")); len(copies) < 3 {
		h.t.Errorf("copies of %d files were kept, of interfaces, sysctl.conf and rules.v4 there should be one each: %v", len(copies), copies)
	}
}

// refusedWithoutConsent applies without adopt and demands the refusal.
func (h *host) refusedWithoutConsent() {
	h.t.Helper()
	op, err := h.tryApply(client.ApplyRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	op, err = h.api.Wait(h.t.Context(), op.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	if op.State != client.OperationStateFailed || op.Error == nil || op.Error.Code != "adoption_needed" || !strings.Contains(op.Error.Hint, "--adopt") {
		h.t.Fatalf("an apply without consent ended %s: %+v", op.State, op.Error)
	}
}

// plug puts the Teleport VM's namespace on vmbr1.
func (h *host) plug() *lab.Node {
	h.t.Helper()
	vm, err := h.Plug(h.t.Context(), lab.VM{
		Name: "teleport", VMID: 102, Bridge: "vmbr1",
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.10.0.2/24")}, Gateway: netip.MustParseAddr("10.10.0.1"),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return vm
}

func (h *host) unplug(vm *lab.Node) {
	h.t.Helper()
	if err := h.Unplug(h.t.Context(), vm.Name); err != nil {
		h.t.Fatal(err)
	}
}

// download is a response that comes slowly and is read all the time.
type download struct {
	t    *testing.T
	body io.Closer
	done chan struct{}

	bytes int64
	pause time.Duration // the longest
	err   error
}

func startDownload(t *testing.T, from *lab.Node) *download {
	t.Helper()
	client := from.HTTPClient()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+lab.WebName+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	d := &download{t: t, body: resp.Body, done: make(chan struct{})}
	first := make(chan struct{})
	go d.read(resp.Body, first)
	<-first
	return d
}

func (d *download) read(body io.Reader, first chan struct{}) {
	defer close(d.done)
	buf := make([]byte, 64<<10)
	last := time.Now()
	for {
		n, err := body.Read(buf)
		if now := time.Now(); n > 0 {
			if d.bytes == 0 {
				close(first)
			} else {
				d.pause = max(d.pause, now.Sub(last))
			}
			last = now
			d.bytes += int64(n)
		}
		if err != nil {
			d.pause = max(d.pause, time.Since(last))
			d.err = err
			return
		}
	}
}

// stop ends the download. One that had ended by itself is an error.
func (d *download) stop() (bytes int64, pause time.Duration) {
	d.t.Helper()
	select {
	case <-d.done:
		d.t.Errorf("the download broke off: %v", d.err)
	default:
	}
	_ = d.body.Close()
	<-d.done
	return d.bytes, d.pause
}
