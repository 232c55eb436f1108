package vms

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func TestAVMIsSwitchedOnAndOff(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	ctx := t.Context()
	state := func() string {
		t.Helper()
		all, err := n.List(ctx)
		if err != nil || len(all) != 1 || !all[0].Ours || all[0].Cores != 3 || all[0].Memory != 8<<30 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Status
	}
	for _, row := range []struct {
		name string
		do   func() error
		want string
	}{
		{"start, of a VM that runs", func() error { return n.Start(ctx, s.Name) }, "running"},
		{"shutdown", func() error { return n.Shutdown(ctx, s.Name, time.Minute, false) }, "stopped"},
		{"shutdown, of a VM that is off", func() error { return n.Shutdown(ctx, s.Name, time.Minute, false) }, "stopped"},
		{"stop, of a VM that is off", func() error { return n.Stop(ctx, s.Name) }, "stopped"},
		{"start", func() error { return n.Start(ctx, s.Name) }, "running"},
		{"reboot", func() error { return n.Reboot(ctx, s.Name, time.Minute) }, "running"},
		{"stop", func() error { return n.Stop(ctx, s.Name) }, "stopped"},
		{"reboot, of a VM that is off", func() error { return n.Reboot(ctx, s.Name, time.Minute) }, "running"},
	} {
		if err := row.do(); err != nil || state() != row.want {
			t.Errorf("%s: %v, then %s", row.name, err, state())
		}
	}
}

func TestAGuestThatDoesNotShutDownIsStoppedWhenThatIsWanted(t *testing.T) {
	n := start(t, pve.Options{Timing: stubborn()})
	s := spec(110)
	n.ensure(s)
	err := n.Shutdown(t.Context(), s.Name, time.Second, false)
	if !Is(err, KindState) || !strings.Contains(err.Error(), "did not shut down within 1s") {
		t.Fatalf("without force: %v", err)
	}
	if err := n.Shutdown(t.Context(), s.Name, time.Second, true); err != nil {
		t.Fatalf("with force: %v", err)
	}
	n.admin("POST", "/nodes/pve/qemu/110/status/start", "")
	n.admin("POST", "/nodes/pve/qemu/110/status/suspend", "")
	if err := n.Delete(t.Context(), s.Name, time.Second); err != nil {
		t.Errorf("a paused VM: %v", err)
	}
	n.nothingLeft()
}

// stubborn is a node whose guests take their time.
func stubborn() pve.Timing {
	slow := pve.Scaled(0.01)
	slow.Shutdown = time.Hour
	return slow
}

func TestSnapshotsAreTakenListedReturnedToAndDeleted(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	ctx := t.Context()
	if err := n.TakeSnapshot(ctx, s.Name, "first", "before the upgrade", false); err != nil {
		t.Fatal(err)
	}
	if err := n.TakeSnapshot(ctx, s.Name, "first", "", false); !Is(err, KindExists) {
		t.Errorf("the same name again: %v", err)
	}
	changed := s
	changed.Cores = 1
	if _, err := n.Ensure(ctx, changed, Consent{Reboot: true}); err != nil {
		t.Fatal(err)
	}
	if err := n.Rollback(ctx, s.Name, "first", true); err != nil {
		t.Fatal(err)
	}
	if cores := n.conf(110)["cores"]; cores != "3" {
		t.Errorf("after the rollback it has %s cores", cores)
	}
	all, err := n.Snapshots(ctx, s.Name)
	if err != nil || len(all) != 1 || all[0].Name != "first" || all[0].Description != "before the upgrade" || time.Since(all[0].Taken) > time.Hour {
		t.Errorf("%+v, %v", all, err)
	}
	for range 2 {
		if err := n.DeleteSnapshot(ctx, s.Name, "first"); err != nil {
			t.Error(err)
		}
	}
	if err := n.Rollback(ctx, s.Name, "first", false); !Is(err, KindGone) {
		t.Errorf("back to one that is gone: %v", err)
	}
	for _, bad := range []string{"", "1st", "a/../b", "current state", "current", "Pending"} {
		if err := n.TakeSnapshot(ctx, s.Name, bad, "", false); !Is(err, KindInvalid) {
			t.Errorf("the name %q: %v", bad, err)
		}
	}
	if err := n.DeleteSnapshot(ctx, "nobody", "first"); !Is(err, KindGone) {
		t.Errorf("of a VM that is not there: %v", err)
	}
}

// Proxmox starts the VM in a task that the rollback's does not wait for.
func TestARollbackThatIsToStartTheVMSaysHowTheStartEnded(t *testing.T) {
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	if err := n.TakeSnapshot(ctx, s.Name, "first", "", false); err != nil {
		t.Fatal(err)
	}
	if err := n.Rollback(ctx, s.Name, "first", true); err != nil {
		t.Fatal(err)
	}
	if f, err := n.Look(ctx, s); err != nil || !f.Running {
		t.Errorf("after the rollback: %+v, %v", f, err)
	}
	n.inject(pve.Fault{Kind: pve.FaultTask, Task: "qmstart", Step: "start", Text: "no memory", Times: 1})
	if err := n.Rollback(ctx, s.Name, "first", true); !Is(err, KindTask) || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("the start has failed, and the rollback says: %v", err)
	}
	if err := n.Start(ctx, s.Name); err != nil {
		t.Error(err)
	}
}

// Of a guest's memory Proxmox keeps twice as much and a little more: 8 GiB of memory take 16.5 GiB of the pool.
func TestASnapshotWithMemoryThatDoesNotFitLeavesNothingAndOneThatFitsGoesOn(t *testing.T) {
	n := start(t, pve.Options{})
	s, ctx := spec(110), t.Context()
	n.ensure(s)
	before := n.left()
	n.inject(pve.Fault{Kind: pve.FaultFull, Storage: "local-zfs"})
	if err := n.TakeSnapshot(ctx, s.Name, "first", "", true); !Is(err, KindFull) {
		t.Errorf("into a full pool: %v", err)
	}
	if after := n.left(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
	if err := n.Clear(""); err != nil {
		t.Fatal(err)
	}
	if err := n.TakeSnapshot(ctx, s.Name, "first", "", true); err != nil {
		t.Fatal(err)
	}
	if all, err := n.Snapshots(ctx, s.Name); err != nil || len(all) != 1 || !all[0].Memory {
		t.Errorf("%+v, %v", all, err)
	}
	if err := n.Rollback(ctx, s.Name, "first", false); err != nil {
		t.Fatal(err)
	}
	if f, err := n.Look(ctx, s); err != nil || !f.Running {
		t.Errorf("a guest whose memory was kept is off: %+v, %v", f, err)
	}
	if err := n.Delete(ctx, s.Name, 0); err != nil {
		t.Fatal(err)
	}
	n.nothingLeft()
}

func TestTheGuestIsAskedThroughItsAgent(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	ctx := t.Context()
	if err := n.WaitAgent(ctx, s.Name); err != nil {
		t.Fatal(err)
	}
	all, err := n.Interfaces(ctx, s.Name)
	if err != nil || len(all) != 1 || len(all[0].Addresses) == 0 || all[0].Addresses[0].String() != "10.10.0.10/24" {
		t.Errorf("interfaces %+v, %v", all, err)
	}
	content := "caf\xe9\x00\n" // not UTF-8
	if err := n.WriteFile(ctx, s.Name, "/etc/motd", []byte(content)); err != nil {
		t.Fatal(err)
	}
	out, err := n.Exec(ctx, s.Name, []string{"cat", "/etc/motd"}, "")
	if err != nil || out.Exit != 0 || out.Out != content {
		t.Errorf("cat: %+v, %v", out, err)
	}
	for _, text := range []string{"plain\n", "Grüße an Jürgen\n", "5 € — 日本\n"} {
		if out, err := n.Exec(ctx, s.Name, []string{"cat"}, text); err != nil || out.Out != text {
			t.Errorf("%q came back as %q, %v", text, out.Out, err)
		}
	}
	if err := n.WriteFile(ctx, s.Name, "/x", make([]byte, fileLimit+1)); !Is(err, KindInvalid) {
		t.Errorf("a file that is too large: %v", err)
	}
	if err := n.WriteFile(ctx, s.Name, "/x", make([]byte, fileLimit)); err != nil {
		t.Errorf("the largest file: %v", err)
	}
	if _, err := n.Exec(ctx, s.Name, nil, ""); !Is(err, KindInvalid) {
		t.Errorf("no command: %v", err)
	}
	n.inject(pve.Fault{Kind: pve.FaultSilent, VMID: 110})
	if err := n.Ping(ctx, s.Name); !Is(err, KindAgent) {
		t.Errorf("a silent agent: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := n.WaitAgent(short, s.Name); err == nil || short.Err() == nil {
		t.Errorf("waiting for a silent agent: %v", err)
	}
}

func TestACopyIsOursAndTheOriginalStays(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	n.ensure(s)
	ctx := t.Context()
	before := n.conf(110)
	if err := n.Clone(ctx, s.Name, Clone{Name: "copy", ID: 120}); err != nil {
		t.Fatal(err)
	}
	copied := n.conf(120)
	if copied["description"] != "" || copied["tags"] != before["tags"] || uuidOf(copied) == uuidOf(before) || copied["net0"] == before["net0"] {
		t.Errorf("the copy is %v", copied)
	}
	for _, c := range []Clone{{Name: "copy", ID: 121}, {Name: "another", ID: 120}, {Name: s.Name, ID: 121}, {Name: "a_b", ID: 121}} {
		if err := n.Clone(ctx, s.Name, c); err == nil {
			t.Errorf("a copy %+v was made", c)
		}
	}
	if err := n.Delete(ctx, "copy", 0); err != nil {
		t.Fatal(err)
	}
	if after := n.conf(110); after["digest"] != before["digest"] {
		t.Errorf("the original was changed")
	}
}

func TestTheConsoleIsProxmoxsOwnPage(t *testing.T) {
	n := start(t, pve.Options{})
	s := spec(110)
	s.Off = true
	n.ensure(s)
	base := strings.TrimSuffix(n.Server.URL(), "/api2/json")
	for serial, want := range map[bool]string{true: "/?console=kvm&node=pve&vmid=110&vmname=cp-110&xtermjs=1", false: "/?console=kvm&node=pve&novnc=1&resize=off&vmid=110&vmname=cp-110"} {
		if got, err := n.Console(t.Context(), s.Name, serial); err != nil || got != base+want {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestProgressIsReportedWithTheLinesOfTheLog(t *testing.T) {
	n := start(t, pve.Options{})
	var mu sync.Mutex
	lines, percent := map[string][]string{}, 0.0
	d := n.driver(nil).WithProgress(func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.VM != "cp-110" || !strings.HasPrefix(e.UPID, "UPID:pve:") {
			t.Errorf("%+v", e)
		}
		lines[e.Op] = append(lines[e.Op], e.Lines...)
		percent = max(percent, e.Percent)
	})
	if _, err := d.Ensure(t.Context(), spec(110), Consent{}); err != nil {
		t.Fatal(err)
	}
	if percent != 100 || !strings.Contains(strings.Join(lines["create"], "\n"), "transferred 1G of 1G (100.00%)") || len(lines["start"]) == 0 {
		t.Errorf("%v%%, %q", percent, lines)
	}
	seen := map[string]int{}
	for _, line := range lines["create"] {
		if seen[line]++; seen[line] > 1 {
			t.Errorf("told twice: %q", line)
		}
	}
}
