package netfw

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func (h *host) lookForwarding() Finding {
	h.t.Helper()
	f, err := h.LookForwarding(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return f
}

func (h *host) applyForwarding(c Consent) {
	h.t.Helper()
	if err := h.ApplyForwarding(context.Background(), c); err != nil {
		h.t.Fatal(err)
	}
	if got := kinds(h.lookForwarding()); got != "" {
		h.t.Fatalf("after the apply: %s", got)
	}
}

func TestForwardingOnABareHost(t *testing.T) {
	h := newHost(t)
	run(t, "sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.lo.forwarding=1; ip link add d0 type veth peer name d1")
	before := h.state()
	six := run(t, "sysctl net.ipv6.conf.all.forwarding")
	if got, want := kinds(h.lookForwarding()), "create file /etc/sysctl.d/60-waddle.conf\nchange sysctl net.ipv4.ip_forward"; got != want {
		t.Fatalf("look: %s", got)
	}
	b, err := h.CaptureForwarding(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.applyForwarding(Consent{})
	equal(t, "IPv6 forwarding", six, run(t, "sysctl net.ipv6.conf.all.forwarding"))
	run(t, "sysctl -qw net.ipv4.ip_forward=0")
	if got := kinds(h.lookForwarding()); got != "change sysctl net.ipv4.ip_forward" {
		t.Errorf("after the switch was turned by hand: %s", got)
	}
	h.applyForwarding(Consent{})
	if ds, err := h.ShowUndoForwarding(context.Background(), b); err != nil || len(ds) < 3 {
		t.Errorf("undo shows %v, %v", ds, err)
	}
	for range 2 {
		if err := h.UndoForwarding(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		equal(t, "after undo", before, h.state())
	}
}

func TestASysctlLineThatWasWrittenByHandIsAdopted(t *testing.T) {
	h := newHost(t)
	const text = "# tuning\nvm.swappiness=10\nnet.ipv4.ip_forward=1\nnet.ipv4.ip_forward = 1\n# end"
	h.write(sysctlConf, text)
	h.write("/etc/sysctl.d/10-mine.conf", "-net/ipv4/conf/all/forwarding=1\n")
	if err := os.Symlink("../sysctl.conf", h.root+"/etc/sysctl.d/99-sysctl.conf"); err != nil {
		t.Fatal(err)
	}
	run(t, "sysctl -qw net.ipv4.ip_forward=1")
	before := h.state()
	f := h.lookForwarding()
	if got := f.of(Adopt); len(got) != 3 {
		t.Fatalf("adopt: %v", got)
	}
	var adoption *AdoptionError
	if err := h.ApplyForwarding(context.Background(), Consent{}); !errors.As(err, &adoption) {
		t.Fatalf("apply without consent: %v", err)
	}
	equal(t, "after a refused apply", before, h.state())
	b, err := h.CaptureForwarding(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h.applyForwarding(Consent{Adopt: true})
	equal(t, "sysctl.conf", "# tuning\nvm.swappiness=10\n# end", h.content(sysctlConf))
	equal(t, "the copy", text, h.content(adoptedDir+sysctlConf))
	equal(t, "the other file", "", h.content("/etc/sysctl.d/10-mine.conf"))
	if err := h.UndoForwarding(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	equal(t, "after undo", before, h.state())
}

func TestAFileThatSwitchesForwardingOffLaterIsAConflict(t *testing.T) {
	for path, conflict := range map[string]bool{
		"/etc/sysctl.d/70-hardening.conf":    true,
		"/usr/lib/sysctl.d/99-site.conf":     true,
		"/etc/sysctl.conf":                   true,
		"/etc/sysctl.d/10-hardening.conf":    false,
		"/usr/lib/sysctl.d/50-default.conf":  false,
		"/usr/lib/sysctl.d/70-hardening.txt": false,
	} {
		h := newHost(t)
		h.write(path, "net.ipv4.ip_forward = 0\n")
		f := h.lookForwarding()
		if got := len(f.of(Conflict)) == 1; got != conflict {
			t.Errorf("%s: %v", path, f)
		}
	}
	h := newHost(t)
	h.write("/usr/lib/sysctl.d/70-a.conf", "net.ipv4.ip_forward = 0\n")
	h.write("/etc/sysctl.d/70-a.conf", "# hides the other\n")
	h.applyForwarding(Consent{})
	h.write("/usr/lib/sysctl.d/10-b.conf", "net.ipv4.ip_forward = 1\n")
	if f := h.lookForwarding(); len(f.Differences) > 0 || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "can be removed") {
		t.Errorf("a package's file: %+v", f)
	}
}

func TestLinesThatComeLaterDoNotHoldUpARepair(t *testing.T) {
	h := newHost(t)
	h.applyForwarding(Consent{})
	h.applyBridge(Consent{})
	h.write(sysctlConf, "net.ipv4.ip_forward=1\n")
	h.write(interfacesFile, byHand)
	run(t, "sysctl -qw net.ipv4.ip_forward=0; ip addr flush dev vmbr1")
	h.applyForwarding(Consent{})
	h.applyBridge(Consent{})
	equal(t, "the operator's sysctl.conf", "net.ipv4.ip_forward=1\n", h.content(sysctlConf))
	equal(t, "the operator's interfaces", byHand, h.content(interfacesFile))
	if f := h.lookBridge(); len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "can be removed") {
		t.Errorf("notes: %v", f.Notes)
	}
}
