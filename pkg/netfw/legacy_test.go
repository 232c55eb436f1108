package netfw

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheLegacyFlavour has no ruleset generation and no events: every look lists
// the rules, and the watch asks for a look on a timer.
func TestTheLegacyFlavour(t *testing.T) {
	multi, err := exec.LookPath("xtables-legacy-multi")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("this test needs iptables' legacy flavour")
	} else if err != nil {
		t.Fatal("this test needs iptables' legacy flavour")
	}
	dir := t.TempDir()
	for _, name := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"} {
		if err := os.Symlink(multi, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	h := newHost(t)
	run(t, "iptables -A INPUT -p tcp --dport 8006 -j DROP; iptables -A INPUT -s 198.51.100.0/24 -j DROP")
	rules := func() string { return dropCounters(run(t, "iptables-save | sed '/^#/d'")) }
	before := rules()
	b := h.captureRulesOf(planConfig())
	h.applyRules(planConfig(), Consent{Adopt: true})
	h.processes()
	h.lookRules(planConfig())
	h.lookRules(planConfig())
	if got := h.processes(); len(got) != 4 {
		t.Errorf("two looks started %v", got)
	}
	if got := rules(); strings.Contains(got, "-A INPUT -p tcp -m tcp --dport 8006 -j DROP") || !strings.Contains(got, "-A INPUT -j WADDLE-INPUT") {
		t.Errorf("rules:\n%s", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	events, err := h.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seen(t, events, EventRules)
	cancel()
	for range events {
	}
	h.undoRules(b)
	// The nat table that iptables-save prints now is the kernel's, empty.
	got := rules()
	filter := got[strings.Index(got, "*filter"):]
	filter = filter[:strings.Index(filter, "COMMIT\n")+len("COMMIT\n")]
	equal(t, "after undo", before, filter)
	if strings.Contains(got, "WADDLE") {
		t.Errorf("something of ours is left:\n%s", got)
	}
}
