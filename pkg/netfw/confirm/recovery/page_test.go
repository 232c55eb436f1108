package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

const page = "../../../../docs/recovery.md"

func TestThePageIsNotStale(t *testing.T) {
	is, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := renewed(string(is))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(is) {
		t.Errorf("%s has other rules than the code: run go generate ./pkg/netfw/confirm", page)
	}
}

func TestAPageThatLacksABlockIsRefused(t *testing.T) {
	for name, page := range map[string]string{
		"no block":          "# Recovery\n",
		"an unknown block":  begin + "x -->\n" + end,
		"a block that ends": begin + "closed IPv4 -->\n",
	} {
		if _, err := renewed(page); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestTheCommandsDoWhatWaddledDoes runs the page's own text in a network
// namespace, twice, on top of a firewall that was open, and compares.
func TestTheCommandsDoWhatWaddledDoes(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("this test makes network namespaces and needs root")
		}
		t.Skip("this test makes network namespaces and needs root")
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]netfw.RuleSet{"emergency": confirm.BuiltinEmergency(example), "closed": netfw.BuiltinLockdown()} {
		for family, program := range map[netfw.Family]string{netfw.IPv4: "iptables", netfw.IPv6: "ip6tables"} {
			block := name + map[netfw.Family]string{netfw.IPv4: " IPv4", netfw.IPv6: " IPv6"}[family]
			script := scriptOf(t, string(content), block)
			got := inNamespace(t, "iptables -P INPUT ACCEPT\n"+script+script+program+"-save -t filter | grep ^-A")
			var want strings.Builder
			want.WriteString("-A INPUT -j WADDLE-INPUT\n")
			for _, c := range set.Of(family) {
				for _, r := range c.Rules {
					if c.Hook == "INPUT" {
						want.WriteString("-A " + c.Name + " " + r + "\n")
					}
				}
			}
			if got != want.String() {
				t.Errorf("%s: the commands load\n%s\nwaddled loads\n%s", block, got, want.String())
			}
		}
	}
}

func scriptOf(t *testing.T, page, block string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, begin+block+" -->\n```sh real-host\n")
	script, _, closed := strings.Cut(rest, "```\n"+end)
	if !ok || !closed {
		t.Fatalf("no block %s", block)
	}
	return script
}

func inNamespace(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("unshare", "-n", "sh", "-ec", script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return string(out)
}
