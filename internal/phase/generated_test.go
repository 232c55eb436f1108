package phase

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformtest"
	"github.com/waddle-social/waddle/pkg/netfw"
)

// What the platform says is within what pkg/netfw's own test generates far more
// of: here it is the documents that are generated.
func TestNoPlatformMakesRulesThatAreRefused(t *testing.T) {
	valid := platformtest.Valid(example(t))
	const documents = 500
	var v4, v6, frames [][]byte
	for i := range documents {
		p := read(t, valid.Example(i))
		for _, profile := range []netfw.Profile{netfw.Open, netfw.Initial, netfw.Lockdown, netfw.Emergency} {
			c := Rules(p)
			if c.Profile = profile; profile == netfw.Emergency {
				c.Exceptions = []netfw.Exception{{Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, TCP: []uint16{c.SSHPort, platform.ProxmoxPort}}}
			}
			set, err := netfw.Rules(c)
			if err != nil {
				t.Fatalf("document %d, profile %s: %v", i, profile, err)
			}
			v4, v6 = append(v4, netfw.Render(set.V4)), append(v6, netfw.Render(set.V6))
			if profile == netfw.Lockdown { // the pins are the same in all profiles that have them
				frames = append(frames, netfw.Render(set.Of(netfw.BridgePins)))
			}
		}
	}
	taken(t, together(v4), "iptables-restore", "--noflush", "--test")
	taken(t, together(v6), "ip6tables-restore", "--noflush", "--test")
	taken(t, bytes.Join(frames, nil), "nft", "-c", "-f", "-")
	fmt.Printf("generated platforms: %d documents, %d rule sets, none refused\n", documents, len(v4))
}

// read is the platform as it comes from a document's text.
func read(t *testing.T, drawn *platform.Platform) *platform.Platform {
	t.Helper()
	text, err := platform.Marshal(drawn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := platform.Parse("platform.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// taken has the command look at the rules in a network namespace of its own.
func taken(t *testing.T, rules []byte, command ...string) {
	t.Helper()
	cmd := exec.Command("unshare", append([]string{"--net"}, command...)...)
	cmd.Stdin = bytes.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", strings.Join(command, " "), err, out)
	}
}

// together is one transaction a table for many files: each has chains of its own.
func together(files [][]byte) []byte {
	tables := map[string]*strings.Builder{"filter": {}, "nat": {}}
	for i, file := range files {
		var table *strings.Builder
		for line := range strings.Lines(string(file)) {
			switch {
			case line[0] == '*':
				table = tables[strings.TrimSpace(line[1:])]
			case line[0] != '#' && line != "COMMIT\n":
				table.WriteString(strings.ReplaceAll(line, "WADDLE-", fmt.Sprintf("W%d-", i)))
			}
		}
	}
	return []byte("*filter\n" + tables["filter"].String() + "COMMIT\n*nat\n" + tables["nat"].String() + "COMMIT\n")
}
