package netfw

import (
	"net"
	"strings"
	"testing"
)

// Somebody has put rules of nft's own into iptables' table, so nothing of ours
// can be loaded. The host is closed all the same, until something can.
func TestAHostIsClosedWhereNoRulesCanBeLoaded(t *testing.T) {
	h := newHost(t)
	run(t, "ip link set lo up; ip link add vmbr1 type bridge; ip link set vmbr1 up; ip addr add 10.10.0.1/24 dev vmbr1; ip addr add fd00::1/64 dev vmbr1 nodad")
	outside := newPeer(t, "tap666i0", "vmbr1", "10.10.0.99/24", "fd00::99/64")
	serve(t, "[::]:22")
	addresses := []string{"10.10.0.1:22", "[fd00::1]:22"}
	expect := func(when string, want bool) {
		t.Helper()
		for _, a := range addresses {
			if got := outside.reaches(a, want); got != want {
				t.Errorf("%s %s is reached: %t", when, a, got)
			}
		}
	}
	expect("with no rules", true)
	run(t, "nft add table ip filter; nft 'add chain ip filter INPUT { type filter hook input priority 0; }'; nft add rule ip filter INPUT meta mark set numgen inc mod 2")
	if err := h.LoadRules(t.Context(), BuiltinLockdown()); err == nil {
		t.Fatal("the rules are loaded, so this proves nothing")
	}
	expect("after the load that failed", true)
	for range 2 { // again
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("closed", false)
	}
	for _, a := range []string{"127.0.0.1:22", "10.10.0.1:22"} {
		c, err := net.Dial("tcp", a)
		if err != nil {
			t.Fatalf("the host does not reach itself: %v", err)
		}
		c.Close()
	}
	if foreign, err := droppingTables(); err != nil || len(foreign) > 0 {
		t.Errorf("it is taken for somebody else's: %v, %v", foreign, err)
	}

	run(t, "nft delete table ip filter")
	differences, err := h.CompareRules(t.Context(), RuleSet{})
	if err != nil || len(differences) != 1 || !strings.Contains(differences[0].Object, closedTable) {
		t.Errorf("differences: %v, %v", differences, err)
	}
	open := planSet(t)
	if err := h.LoadRules(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	expect("with rules that let SSH in", true)
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.LoadRules(t.Context(), open); err != nil { // nothing of ours differs
		t.Fatal(err)
	}
	expect("with the same rules loaded once more", true)
	if tables := run(t, "nft list tables"); strings.Contains(tables, closedTable) {
		t.Errorf("it stayed:\n%s", tables)
	}
}

// planSet lets SSH in over both families.
func planSet(t *testing.T) RuleSet {
	t.Helper()
	c := inProfile(zonedConfig(), Initial)
	c.Pins = nil
	set, err := Rules(c)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
