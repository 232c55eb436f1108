package journey

import (
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// Whoever takes the truth about a lockdown away must not open the host with it:
// nobody has said that.
func TestALostStateOpensNoHostThatIsLockedDown(t *testing.T) {
	h := newHost(t, lab.Options{Name: "lost"})
	h.startWaddled()
	h.setExample()
	h.apply(client.ApplyRequest{})
	h.overSocket().do("POST", "/v1/firewall/set", `{"profile":"lockdown","force":true}`).want(200)
	h.overSocket().do("POST", "/v1/firewall/confirm", `{"onTheConsole":true}`).want(200)
	rules := func() string {
		return h.run("for c in iptables ip6tables; do $c-save | grep -e '-A.*WADDLE-'; done; cat /etc/waddle/firewall/rules.v4 /etc/waddle/firewall/rules.v6 || true")
	}
	looked := func() bool { // by the reconciler: it has put right what is taken away after what was lost
		return h.run("iptables -t nat -S WADDLE-POSTROUTING | grep -c MASQUERADE || true") == "1\n"
	}
	want := rules()
	for _, lost := range []string{"rm /etc/waddle/firewall/rules.v4", "rm /etc/waddle/firewall/rules.v[46]", "rm /etc/waddle/firewall/state.json", "rm -r /etc/waddle/firewall"} {
		h.run(lost + "; iptables -t nat -F WADDLE-POSTROUTING")
		for begun := time.Now(); !looked() || rules() != want; time.Sleep(100 * time.Millisecond) {
			if h.reaches(h.Scanner, "22", 150*time.Millisecond) {
				t.Fatalf("after %s SSH is open to the internet", lost)
			}
			if time.Since(begun) > time.Minute {
				t.Fatalf("after %s rules and files are not as they were:\n%s\nwant\n%s", lost, rules(), want)
			}
		}
		if f := h.firewall(); f.LiveProfile != "lockdown" {
			t.Errorf("after %s the profile is called %s", lost, f.LiveProfile)
		}
		for range 20 { // and it stays so
			time.Sleep(100 * time.Millisecond)
			if now := rules(); now != want {
				t.Fatalf("after %s the rules are\n%s\nwant\n%s", lost, now, want)
			}
		}
	}
}
