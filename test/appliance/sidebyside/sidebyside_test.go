package sidebyside

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The targets of the storage backend: what is missed is printed and kept in
// docs/performance.md with the reason.
const (
	wantCreate  = 100 // times faster than targetcli
	wantBeside  = 1.2 // a create beside many, against beside few
	wantRestore = 30  // times faster than targetctl restore
	wantDouble  = 2.2 // twice as many targets
)

func TestSideBySide(t *testing.T) {
	f := chosen(t)
	h := newHost(t)
	fmt.Printf("bench: form %s: %d runs of waddled's commands, %d of targetcli's; %d and %d targets; restores of %d and %d\n",
		f.name, f.runs, f.stock, f.few, f.many, f.half, f.many)

	h.sh(fmt.Sprintf("for n in $(seq 0 %d); do zfs create -s -b 16K -V 64M %s/v/pvc-bench-$n && zfs create -s -b 16K -V 64M %s/pvc-bench-$n; done; udevadm settle",
		f.runs-1, root, stockRoot))
	h.connect()
	ours := h.create(f.runs)
	figure("create script through the endpoint, nothing beside it", ours)
	stock := h.createStock(f.stock)
	figure("the same script by targetcli, nothing beside it", stock)
	verdict(ratio("the create script: targetcli, against waddled", median(stock), median(ours)) >= wantCreate)

	few := h.beside(f, f.few)
	fewStock := h.createStock(f.stockMany)
	ratio(fmt.Sprintf("the create script beside %d targets: targetcli, against waddled", f.few), median(fewStock), median(few))
	half := h.restore(f.half)
	stockRestore := h.restoreStock(f.half)
	verdict(ratio(fmt.Sprintf("restore of %d targets: targetctl, against waddled", f.half), stockRestore, half) >= wantRestore)
	whole := h.restore(f.many)
	verdict(ratio(fmt.Sprintf("restore of %d targets, against %d", f.many, f.half), whole, half) <= wantDouble)
	h.connect()
	many := h.create(f.runs)
	figure(fmt.Sprintf("create script through the endpoint beside %d", f.many), many)
	verdict(ratio(fmt.Sprintf("the create script through waddled: beside %d targets, against beside %d", f.many, f.few), median(many), median(few)) <= wantBeside)
	manyStock := h.createStock(f.stockMany)
	ratio(fmt.Sprintf("the create script by targetcli: beside %d targets, against beside %d", f.many, f.few), median(manyStock), median(fewStock))
	ratio(fmt.Sprintf("the create script beside %d targets: targetcli, against waddled", f.many), median(manyStock), median(many))
}

// verdict says whether the line above meets its target.
func verdict(met bool) {
	if met {
		fmt.Println("bench: target met")
		return
	}
	fmt.Println("bench: TARGET MISSED")
}

// create measures the create script through the endpoint for n volumes that have
// no target yet, and takes the targets away afterwards.
func (h *host) create(n int) []time.Duration {
	h.Helper()
	h.quiet()
	took := make([]time.Duration, n)
	for i := range took {
		script := h.waddle.CreateTarget(fmt.Sprintf("pvc-bench-%d", i))
		began := time.Now()
		h.ask(script)
		took[i] = time.Since(began)
	}
	for i := range took {
		h.ask(h.waddle.DeleteTarget(fmt.Sprintf("pvc-bench-%d", i)))
	}
	return took
}

// createStock measures the same string as sshd would run it, on volumes that the
// daemon does not look after, each its own too: opening one for the first time is
// slower. targetcli ends with 0 whatever happens, so what it made is looked at.
func (h *host) createStock(n int) []time.Duration {
	h.Helper()
	h.quiet()
	took := make([]time.Duration, n)
	for i := range took {
		id := fmt.Sprintf("pvc-bench-%d", i)
		lun := "/sys/kernel/config/target/iscsi/" + h.stock.IQN(id) + "/tpgt_1/lun/lun_0"
		began := time.Now()
		h.sh(h.stock.CreateTarget(id))
		took[i] = time.Since(began)
		h.sh("test -d " + lun)
		h.sh(h.stock.DeleteTarget(id))
		h.sh("test ! -e " + lun)
	}
	return took
}

// beside measures the create script with n targets there.
func (h *host) beside(f form, n int) []time.Duration {
	h.Helper()
	h.volumes(0, n)
	h.restart()
	h.targets(n)
	h.connect()
	took := h.create(f.runs)
	figure(fmt.Sprintf("create script through the endpoint beside %d", n), took)
	return took
}

// restart starts the daemon anew and waits until it has looked at all volumes.
// The time is from systemd starting its process to its word that it is done.
func (h *host) restart() time.Duration {
	h.Helper()
	h.disconnect()
	h.sh("systemctl restart waddled")
	invocation := h.sh("systemctl show --value -p InvocationID waddled")
	line := h.until("journalctl -u waddled _SYSTEMD_INVOCATION_ID=" + invocation + " -o short-monotonic --no-hostname | grep 'targets restored'")
	fmt.Printf("bench: the daemon says: %s\n", line[strings.Index(line, "targets restored"):])
	if !strings.Contains(line, "failed=0") {
		h.Fatalf("not all targets were restored: %s\n%s", line, h.sh("journalctl -u waddled _SYSTEMD_INVOCATION_ID="+invocation+" -o cat | grep 'could not be restored' | head -5"))
	}
	end, err := strconv.ParseFloat(strings.Trim(strings.Fields(strings.Trim(line, "[ "))[0], "[]"), 64)
	if err != nil {
		h.Fatal(err)
	}
	began, err := strconv.ParseFloat(h.sh("systemctl show --value -p ExecMainStartTimestampMonotonic waddled"), 64)
	if err != nil {
		h.Fatal(err)
	}
	return time.Duration((end - began/1e6) * float64(time.Second))
}

// restore makes volumes until there are n, takes all targets away as a boot does,
// and measures until the daemon has made them again: the median of three.
func (h *host) restore(n int) time.Duration {
	h.Helper()
	have, err := strconv.Atoi(h.sh("zfs list -H -o name -t volume -r " + root + "/v | grep -c 'pvc-[0-9]'; true"))
	if err != nil {
		h.Fatal(err)
	}
	h.volumes(have, n)
	took := make([]time.Duration, 3)
	for i := range took {
		h.disconnect()
		h.sh("systemctl stop waddled")
		h.clear()
		h.targets(0)
		took[i] = h.restart()
		h.targets(n)
	}
	figure(fmt.Sprintf("restore of %d targets by the daemon, from the start of its process", n), took)
	return median(took)
}

// restoreStock measures targetctl's restore of what the daemon has made.
func (h *host) restoreStock(n int) time.Duration {
	h.Helper()
	h.disconnect()
	h.sh("systemctl stop waddled && targetctl save /root/saved.json")
	h.clear()
	h.targets(0)
	began := time.Now()
	h.sh("targetctl restore /root/saved.json")
	took := time.Since(began)
	h.targets(n)
	figure(fmt.Sprintf("restore of %d targets by targetctl", n), []time.Duration{took})
	h.restart()
	return took
}
