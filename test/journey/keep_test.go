package journey

import (
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// The rules that were applied come back although the document cannot be read, or
// was edited and waits for an apply: the truth about them is on the disk.
func TestTheFirewallIsKeptWhateverTheDocumentSays(t *testing.T) {
	h := newHost(t, lab.Options{Name: "keep"})
	h.startWaddled()
	h.setExample()
	h.apply(client.ApplyRequest{})
	const file = "/etc/waddle/platform.yaml"
	document := h.run("cat " + file)
	rules := func() string {
		return h.run("for c in iptables ip6tables; do $c-save | grep -e '-A.*WADDLE-'; done; nft list table bridge waddle | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'")
	}
	want := rules()
	edited := strings.Replace(document, "spec:\n", "spec:\n  lockdown: {sshFrom: [198.51.100.0/24]}\n", 1)
	for _, row := range []struct{ name, document string }{
		{"the document is no YAML", "a: [b\n"},
		{"the document is empty", ""},
		{"the document was edited and not applied", edited},
	} {
		for _, drift := range []string{
			"iptables -D WADDLE-INPUT -j DROP",
			"ip6tables -F WADDLE-INPUT; iptables -D INPUT -j WADDLE-INPUT; nft delete table bridge waddle",
			"iptables -I WADDLE-INPUT 1 -p tcp --dport 8006 -j ACCEPT",
		} {
			if err := h.Host.WriteFile(file, []byte(row.document), 0o640); err != nil {
				t.Fatal(err)
			}
			h.run(drift)
			begun := time.Now()
			for now := rules(); now != want; now = rules() {
				if time.Since(begun) > time.Minute {
					t.Fatalf("%s, after %s the rules did not come back within a minute: they are\n%s\nwant\n%s", row.name, drift, now, want)
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("%s, %s: back after %s", row.name, drift, time.Since(begun).Round(10*time.Millisecond))
		}
	}
	if err := h.Host.WriteFile(file, []byte(document), 0o640); err != nil {
		t.Fatal(err)
	}
	if now := rules(); now != want {
		t.Errorf("with the document back the rules are\n%s\nwant\n%s", now, want)
	}
}
