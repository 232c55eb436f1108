package journey

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// counted are the programs that the daemon may start. In front of each stands a
// script of the same name that writes a line and becomes the program.
var counted = []string{"iptables", "ip6tables", "iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore", "nft", "ip", "sysctl"}

const countLog = "/run/.lab/processes"

// countProcesses puts the scripts in place and returns the PATH that has them first.
func (h *host) countProcesses() string {
	h.t.Helper()
	h.run("mkdir -p /run/.lab/counted && : > " + countLog)
	for _, name := range counted {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >> %s\nPATH=${PATH#*:}\nexec %s \"$@\"\n", name, countLog, name)
		if err := h.Host.WriteFile("/run/.lab/counted/"+name, []byte(script), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	return "PATH=/run/.lab/counted:" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
}

// processes returns what was started since the last call: by the scripts, and
// by the drivers' own word at their seams, which knows every program. The longer
// list counts.
func (h *host) processes() []string {
	h.t.Helper()
	counted := strings.Fields(strings.ReplaceAll(h.run("cut -d' ' -f1 "+countLog+"; : > "+countLog), "\n", " "))
	said := strings.Split(strings.TrimSpace(h.run("grep -o 'exec:.*' "+seamLog+" || :; : > "+seamLog)), "\n")
	if said[0] == "" || len(counted) > len(said) {
		return counted
	}
	return said
}

func TestAPlanAfterAnApplyHasNoChangesAndStartsFewProcesses(t *testing.T) {
	needsPrograms(t, "sshd", "ssh-keygen")
	h := newHost(t, lab.Options{Name: "plan"})
	h.run(`mkdir -p /etc/ssh /run/sshd && ssh-keygen -q -A && echo 'Include /etc/ssh/sshd_config.d/*.conf' > /etc/ssh/sshd_config`)
	h.start(h.countProcesses())
	h.setExample()
	h.apply(client.ApplyRequest{})
	if made := h.processes(); len(made) == 0 {
		t.Fatal("the apply started no process that was counted: the count proves nothing")
	}
	if changes := h.plan(); len(changes) > 0 {
		t.Errorf("the plan right after has changes: %+v", changes)
	}
	right := h.processes()
	h.run("iptables -N ELSEWHERE") // a new generation of the rules: the daemon has to look afresh
	if changes := h.plan(); len(changes) > 0 {
		t.Errorf("a foreign chain is a change: %+v", changes)
	}
	afresh := h.processes()
	for what, list := range map[string][]string{"right after the apply": right, "after a change elsewhere": afresh} {
		if len(list) > 4 {
			t.Errorf("a plan %s started %d processes, allowed are 4: %v", what, len(list), list)
		}
	}
	fmt.Printf("plan: %d processes right after the apply %q, %d after somebody changed the rules %q\n", len(right), right, len(afresh), afresh)
}

// longestRepair is what is promised from the change to the repair, on a machine that
// runs the daemon. What it takes the same machine meanwhile to look at the host, which
// starts about as many programs as a repair does, is measured beside it.
const longestRepair = 5 * time.Second

// repaired waits until the host is as wanted again and returns how long that took,
// and the longest that one look took.
func (h *host) repaired(want, change string) (took, look time.Duration) {
	h.t.Helper()
	began := time.Now()
	h.run(change)
	for last := began; ; {
		got := h.snapshot()
		now := time.Now()
		look, last = max(look, now.Sub(last)), now
		if got == want {
			return now.Sub(began), look
		}
		if now.Sub(began) > 2*time.Minute {
			h.t.Fatalf("%s: not repaired within two minutes (-want +got):\n%s", change, cmp.Diff(want, got))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestDriftIsRepairedAndForeignRulesAreLeftAlone(t *testing.T) {
	h := newHost(t, lab.Options{Name: "drift"})
	h.run("set -e" + foreign)
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	want := h.snapshot()
	for _, c := range []struct{ name, line string }{
		{"the bridge's address", "ip addr del 10.10.0.1/24 dev vmbr1"},
		{"the bridge", "ip link del vmbr1"},
		{"the bridge being up", "ip link set vmbr1 down"},
		{"the masquerade rule", "iptables -t nat -F WADDLE-POSTROUTING"},
		{"the jump from POSTROUTING", "iptables -t nat -D POSTROUTING -j WADDLE-POSTROUTING"},
		{"the jump from INPUT", "iptables -D INPUT -j WADDLE-INPUT"},
		{"the jump from FORWARD", "iptables -D FORWARD -j WADDLE-FORWARD"},
		{"the IPv6 jump from INPUT", "ip6tables -D INPUT -j WADDLE-INPUT"},
		{"one rule in our chain", "iptables -D WADDLE-INPUT -j DROP"},
		{"a rule that opens our chain", "iptables -I WADDLE-INPUT 1 -j ACCEPT"},
		{"an IPv6 rule", "ip6tables -F WADDLE-INPUT"},
		{"forwarding", "sysctl -q -w net.ipv4.ip_forward=0"},
		{"our sysctl file", "rm /etc/sysctl.d/60-waddle.conf"},
		{"our interfaces file", "echo '# mine' >> /etc/network/interfaces.d/waddle"},
		{"a rule file", "rm /etc/waddle/firewall/rules.v4"},
		{"everything at once", "ip link del vmbr1; iptables -F WADDLE-INPUT; sysctl -q -w net.ipv4.ip_forward=0; ip6tables -D FORWARD -j WADDLE-FORWARD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			took, look := h.repaired(want, c.line)
			fmt.Printf("drift: %s repaired after %s\n", c.name, took.Round(10*time.Millisecond))
			if took > longestRepair+5*look {
				t.Errorf("%s: repaired only after %s, while one look at the host took %s at most", c.line, took, look)
			}
		})
	}
}

func TestTheNetworkShowsWhatTheKernelSays(t *testing.T) {
	h := newHost(t, lab.Options{Name: "net"})
	h.start()
	seen := func() client.NetworkView {
		t.Helper()
		answer, err := h.api.GetNetworkWithResponse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return answer.JSON200.Seen
	}
	if f := seen().Forwarding; f.Ipv4 || f.Ipv6 {
		t.Errorf("on a fresh host forwarding is %+v", f)
	}
	h.run("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; iptables -A INPUT -p tcp --dport 9100 -j ACCEPT")
	now := seen()
	if f := now.Forwarding; !f.Ipv4 || !f.Ipv6 {
		t.Errorf("both were switched on by hand, forwarding is %+v", f)
	}
	if now.ForeignRules == nil || now.ForeignRules.Ipv4 != 1 || now.ForeignRules.Ipv6 != 0 {
		t.Errorf("one rule was added by hand, counted are %+v", now.ForeignRules)
	}
}
