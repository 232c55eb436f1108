package journey

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// foreign is what an operator may have had before: rules in our hooks and in a
// chain of their own, both families, and an nftables table.
const foreign = `
iptables -N OPERATOR
iptables -A OPERATOR -p tcp --dport 9100 -j ACCEPT
iptables -A INPUT -j OPERATOR
iptables -A FORWARD -i vmbr7 -j ACCEPT
iptables -t nat -A POSTROUTING -s 192.168.7.0/24 -o vmbr0 -j MASQUERADE
ip6tables -A INPUT -p tcp --dport 9100 -j ACCEPT
nft add table inet operator
nft add chain inet operator watch '{ type filter hook input priority 10 ; policy accept ; }'
nft add rule inet operator watch counter
echo 'vm.swappiness = 10' > /etc/sysctl.d/20-operator.conf
mkdir -p -m 700 /root/.ssh
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfQkzO+lq5p1vVd0q8W0m7Zk2vVdG0v3m2x9lq5p1vV other@example.org' > /root/.ssh/authorized_keys`

func TestUndoOfPhases1And0LeavesTheHostAsItWas(t *testing.T) {
	for _, c := range []struct{ name, lab, before string }{
		{"a fresh host, on which nobody has used netfilter", "undofresh", ""},
		{"a host with an operator's own rules, table and files", "undoforeign", foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, lab.Options{Name: c.lab})
			if c.before != "" {
				h.run("set -e" + c.before)
			}
			h.start()
			h.setExample()
			before, rules, keys := h.snapshot(), h.rawRules(), h.rootKeys()
			h.apply(client.ApplyRequest{})
			if during := h.snapshot(); during == before {
				t.Fatal("the apply changed nothing that the snapshot shows: it proves nothing")
			}
			if got := h.rootKeys(); !strings.Contains(got, "operator@waddle.social") {
				t.Errorf("the apply did not add the platform's key for root: %q", got)
			}
			h.undo(1)
			h.undo(0)
			if after := h.rootKeys(); after != keys {
				t.Errorf("root's keys were %q and are %q", keys, after)
			}
			if after := h.snapshot(); after != before {
				t.Errorf("the host is not as it was (-before +after):\n%s", cmp.Diff(before, after))
			}
			if after := h.rawRules(); after != rules {
				t.Errorf("the rules are not byte for byte as they were (-before +after):\n%s", cmp.Diff(rules, after))
			}
			h.apply(client.ApplyRequest{})
			if changes := h.plan(); len(changes) > 0 {
				t.Errorf("a second apply left %+v", changes)
			}
		})
	}
}

// rootKeys is who may log in as root; the snapshot leaves /root out.
func (h *host) rootKeys() string {
	h.t.Helper()
	return h.run("ls -ld /root/.ssh 2>/dev/null | cut -c1-10; cat /root/.ssh/authorized_keys 2>/dev/null || echo none")
}

// rawRules is all that the kernel lists, empty tables and chains included,
// which the snapshot leaves out; only counters and times are taken away.
func (h *host) rawRules() string {
	h.t.Helper()
	return h.run(`{ iptables-save; ip6tables-save; nft list ruleset; } |
sed -e '/^#/d' -e 's/\[[0-9]*:[0-9]*\]/[]/' -e 's/counter packets [0-9]* bytes [0-9]*/counter/'`)
}

// The rule files are shared by both phases. What phase 0 has in them when phase
// 1 is undone stays, also where it was applied anew meanwhile.
func TestAnUndoOfPhase1LeavesPhase0sRulesInTheFilesForTheBoot(t *testing.T) {
	h := newHost(t, lab.Options{Name: "bootfile"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	h.setPlatform([]byte(strings.Replace(string(read(t, example)), "    ssh:\n", "    ssh:\n      port: 2022\n", 1)))
	h.apply(client.ApplyRequest{})
	h.undo(1)
	rules := h.run("cat /etc/waddle/firewall/rules.v4")
	if !strings.Contains(rules, "--dport 2022") || strings.Contains(rules, "MASQUERADE") {
		t.Errorf("the file for the boot is not phase 0's of the present document:\n%s", rules)
	}
	time.Sleep(time.Second) // a repair takes less than half of it
	list, err := h.api.ListOperationsWithResponse(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range list.JSON200.Operations {
		if op.Kind == client.OperationKindReconcile {
			t.Errorf("the undo made a repair necessary: %+v", op)
		}
	}
}
