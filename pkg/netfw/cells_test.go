package netfw

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// whoMayReachWhat is the one table: who, whom, by what, and the outcome over IPv4
// and IPv6 in each profile, in the order of columns:
//
//   - it comes about
//   - it does not
//     c  it does not, and the rule that counts what the internal bridge is refused has it
//     0  it comes about only where bridge-nf-call-iptables is 0
//     .  not asked
//
// "rogue:teleport" is the rogue in the name of the Teleport VM.
const whoMayReachWhat = `
# the public side and the host
internet         host            tcp/22          ++-----  ++-----
internet         host            tcp/8006        +------  +------
internet         host            tcp/7443        +------  +------
internet         host            tcp/3260        +------  +------
internet         host            tcp/2222        +------  +------
internet         host            tcp/9999        +------  +------
internet         host            udp/53          +------  +------
internet         host            udp/9999        +------  +------
internet         host            ping            +++----  +++----
neighbour        host            tcp/22          ++-----  ++-----
neighbour        host            tcp/8006        +------  +------
neighbour        host-internal   tcp/22          +------  ++-----
neighbour        host-internal   tcp/8006        +------  +------
neighbour        host-internal   ping            +------  +++----
teleport-public  host            tcp/22          ++-----  ++-----
teleport-public  host            tcp/8006        +------  +------
friend           host            tcp/22          +++--+-  +++--+-
friend           host            tcp/8006        +----+-  +----+-
friend           host            tcp/7443        +------  +------
friend           host            tcp/3260        +------  +------
friend           host            udp/53          +------  +------
friend           host            ping            +++----  +++----
colleague        host            tcp/22          ++-----  ++---+-
colleague        host            tcp/8006        +------  +------
other            host            tcp/22          ++-----  ++-----
other            host            tcp/9999        +------  +------
other            host-internal   tcp/22          +------  ++-----
neighbour:rogue  host            syn/22          +------  ++-----
neighbour:ops    host            syn/22          +------  ++-----
neighbour:branch host            syn/22          +++----  ++-----
rogue:friend     host-internal   syn/22          ++-c+c-  ++-c+c-
rogue:friend     host-internal   syn/8006        +--c+c-  +--c+c-
neighbour:teleport host          syn/22          +------  +------
# the host itself
self             self            tcp/9999        +++++++  +++++++
host             internet        tcp/80          +++++++  +++++++
host             internet        udp/53          +++++++  +++++++
host             internet        ping            +++++++  +++++++
host-internal    node1           tcp/2379        +++++++  +++++++
host-internal    teleport        tcp/2379        +++++++  +++++++
# the internal bridge and the host
teleport         host-internal   tcp/22          ++++++-  ++-+++-
teleport         host-internal   tcp/8006        ++++++-  +--+++-
teleport         host-internal   tcp/7443        ++++++-  +--+++-
teleport         host-internal   tcp/3260        +--c+c-  +--c+c-
teleport         host-internal   tcp/2222        +--c+c-  +--c+c-
teleport         host-internal   tcp/9999        +--c+c-  +--c+c-
teleport         host-internal   udp/53          +--c+c-  +--c+c-
teleport         host-internal   ping            +++c+c-  +++c+c-
node1            host-internal   tcp/3260        ++++++-  ++++++-
node1            host-internal   tcp/2222        ++++++-  ++++++-
node1            host-internal   tcp/22          +++c+c-  ++-c+c-
node1            host-internal   tcp/8006        +++c+c-  +--c+c-
node1            host-internal   tcp/7443        +++c+c-  +--c+c-
node1            host-internal   tcp/9999        +--c+c-  +--c+c-
node1            host-internal   udp/53          +--c+c-  +--c+c-
node1            host-internal   ping            +++c+c-  +++c+c-
node1            host            tcp/22          +++c+c-  ++-c+c-
node1            host            tcp/8006        +++c+c-  +--c+c-
node1            host            tcp/3260        ++++++-  ++++++-
node2            host-internal   tcp/3260        ++++++-  ++++++-
node2            host-internal   tcp/2222        ++++++-  ++++++-
node2            host-internal   tcp/22          +++c+c-  ++-c+c-
node2            host-internal   tcp/8006        +++c+c-  +--c+c-
node3            host-internal   tcp/3260        ++++++-  ++++++-
node3            host-internal   tcp/2222        ++++++-  ++++++-
node3            host-internal   tcp/22          +++c+c-  ++-c+c-
node3            host-internal   tcp/8006        +++c+c-  +--c+c-
rogue            host-internal   tcp/22          +++c+c-  ++-c+c-
rogue            host-internal   tcp/8006        +++c+c-  +--c+c-
rogue            host-internal   tcp/7443        +++c+c-  +--c+c-
rogue            host-internal   tcp/3260        +--c+c-  +--c+c-
rogue            host-internal   tcp/2222        +--c+c-  +--c+c-
rogue            host-internal   tcp/9999        +--c+c-  +--c+c-
rogue            host-internal   udp/9999        +--c+c-  +--c+c-
rogue            host-internal   ping            +++c+c-  +++c+c-
rogue            host            tcp/22          +++c+c-  ++-c+c-
rogue            host            tcp/8006        +++c+c-  +--c+c-
ops              host-internal   tcp/22          +++c++-  ++-c+c-
ops              host-internal   tcp/8006        +++c+c-  +--c+c-
# in the name of another, who is switched off
rogue:teleport   host-internal   tcp/22          +------  +------
rogue:teleport   host-internal   tcp/8006        +------  +------
rogue:teleport   host-internal   tcp/7443        +------  +------
rogue:node1      host-internal   tcp/3260        +------  +------
rogue:node1      host-internal   tcp/2222        +------  +------
node2:teleport   host-internal   tcp/22          +------  +------
node2:teleport   host-internal   tcp/8006        +------  +------
rogue:teleport   node2           tcp/2379        +-----+  +-----+
rogue:node1      node2           tcp/2379        +-----+  +-----+
# the same, one packet at a time
teleport         node2           one/2379        +++++++  +++++++
rogue:teleport   node2           one/2379        +-----+  +-----+
rogue:node1      node2           one/2379        +-----+  +-----+
rogue:node2      node3           one/2379        +-----+  +-----+
rogue:node3      node1           one/2379        +-----+  +-----+
rogue:host-internal node2        one/2379        +-----+  +++++++
rogue:vip        node2           one/2379        +-----+  .......
node2:teleport   node3           one/2379        +-----+  +-----+
teleport:node1   node2           one/2379        +-----+  +-----+
node1:vip        rogue           one/2379        +++++++  .......
node2:vip        rogue           one/2379        +++++++  .......
node3:vip        rogue           one/2379        +++++++  .......
rogue:foreign    neighbour       one/53          +------  +------
rogue:teleport   node2           tags/0          +-----+  .......
rogue:teleport   node2           tags/1          +-----+  .......
rogue:teleport   node2           tags/2          +-----+  .......
rogue:teleport   node2           tags/3          +-----+  .......
teleport         host-internal   arp             +++++++  .......
node1            host-internal   arp             +++++++  .......
node2            host-internal   arp             +++++++  .......
node3            host-internal   arp             +++++++  .......
rogue            host-internal   arp             +++++++  .......
node1:vip        host-internal   arp             +++++++  .......
node2:vip        host-internal   arp             +++++++  .......
node3:vip        host-internal   arp             +++++++  .......
rogue:teleport   host-internal   arp             +-----+  .......
rogue:teleport   node2           arp             +-----+  .......
rogue:host-internal node2        arp             +-----+  .......
teleport:host-internal node1     arp             +-----+  .......
rogue:node1      node2           arp             +-----+  .......
rogue:node2      node3           arp             +-----+  .......
rogue:node3      node1           arp             +-----+  .......
rogue:vip        host-internal   arp             +-----+  .......
# VM to VM, and what the operator closes themselves
node1            node2           tcp/2379        +++++++  +++++++
node2            node3           tcp/2379        +++++++  +++++++
node3            node1           tcp/2379        +++++++  +++++++
teleport         node1           tcp/2379        +++++++  +++++++
node1            teleport        tcp/2379        +++++++  +++++++
rogue            node1           tcp/2379        +++++++  +++++++
node1            node2           udp/2379        +++++++  +++++++
node1            node2           ping            +++++++  +++++++
node1            node2           tcp/2380        0+++++0  0+++++0
# VM to internet, and back
node1            internet        tcp/80          ++++++-  .......
node2            internet        tcp/80          ++++++-  .......
node3            internet        tcp/80          ++++++-  .......
rogue            internet        tcp/80          ++++++-  .......
node1            internet        udp/53          ++++++-  .......
node1            internet        ping            ++++++-  .......
node1            neighbour       tcp/80          ++++++-  +------
node1            neighbour       udp/53          ++++++-  .......
node1            neighbour       one/53          .......  +------
node1            neighbour       synack/80       +------  +------
neighbour        node1           tcp/2379        +------  +------
neighbour        node1           udp/2379        +------  +------
neighbour        node1           ping            +------  +------
neighbour        teleport        tcp/2379        +------  +------
internet         teleport-public tcp/2379        +++++++  +++++++
teleport-public  internet        tcp/80          +++++++  +++++++
# the operator's own network
other            node1           tcp/2379        +------  +------
other            node1           one/2379        +------  +------
node1            other           tcp/2379        +------  +------
other            neighbour       tcp/80          ++++++-  ++++++-
neighbour        other           tcp/2379        +------  +------
neighbour        host            tcp/8443        ++++++-  ++++++-
# packets that belong to no connection
neighbour        host            synack/22       +------  +------
friend           host            synack/22       +------  +------
teleport         host-internal   synack/22       +------  +------
node1            host-internal   synack/3260     +------  +------
# ICMP
untracked        host            icmp/3          +++----  .......
untracked        host            icmp/11         +++----  .......
untracked        host            icmp/12         +++----  .......
untracked        host            icmp/13         +------  .......
neighbour        host            icmp/3          +------  .......
internet         host            icmp/1          .......  +++----
internet         host            icmp/2          .......  +++----
internet         host            icmp/3          .......  +++----
internet         host            icmp/4          .......  +++----
internet         host            icmp/129        .......  +++----
internet         host            icmp/133        .......  +++----
internet         host            icmp/134        .......  +------
internet         host            icmp/135        .......  +++++++
internet         host            icmp/136        .......  +++++++
internet         host            icmp/137        .......  +------
internet         host            icmp/141        .......  +++----
internet         host            icmp/142        .......  +++----
internet         host            icmp/130        .......  +------
internet         host            icmp/143        .......  +------
internet:link    host            icmp/130        .......  ++++++-
internet:link    host            icmp/131        .......  +++----
internet:link    host            icmp/132        .......  +++----
internet:link    host            icmp/143        .......  +++----
internet:link    host            icmp/134        .......  +++++++
rogue:link       host-internal   icmp/134        .......  +--c+c+
rogue:link       host-internal   icmp/130        .......  +++c+c-
rogue            host-internal   icmp/135        .......  +++++++
rogue            host-internal   icmp/136        .......  +++++++
internet:link    host:link       dhcp6           .......  ++++++-
internet         host            dhcp6           .......  +------
internet:link    host            dhcp6           .......  +------
rogue:link       host-internal:link dhcp6        .......  +--c+c-
`

// columns are the profiles of the table.
var columns = []string{"open", "initial-pinned", "initial-from", "lockdown", "lockdown-open", "emergency", "builtin"}

// cell is one field of the table.
type cell struct {
	profile  string
	family   Family
	from, to string // actors
	as, at   string // addresses: of an actor, or "link"
	what     string
	n        int
	want     byte
}

func (c cell) String() string {
	return fmt.Sprintf("%s, %s: %s as %s to %s by %s/%d", c.profile, c.family, c.from, c.as, c.to, c.what, c.n)
}

// comesAbout is the outcome that the table says.
func (c cell) comesAbout(callsIPTables bool) bool {
	return c.want == '+' || c.want == '0' && !callsIPTables
}

func allCells(t testing.TB) []cell {
	t.Helper()
	var out []cell
	for i, line := range strings.Split(whoMayReachWhat, "\n") {
		w := strings.Fields(line)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		if len(w) != 5 || len(w[3]) != len(columns) || len(w[4]) != len(columns) {
			t.Fatalf("line %d of the table: %q", i+1, line)
		}
		what, number, _ := strings.Cut(w[2], "/")
		n, _ := strconv.Atoi(number)
		from, as, named := strings.Cut(w[0], ":")
		if !named {
			as = from
		}
		to, at, named := strings.Cut(w[1], ":")
		if !named {
			at = to
		}
		for k, profile := range columns {
			for j, f := range families {
				if want := w[3+j][k]; want != '.' {
					out = append(out, cell{profile, f, from, to, as, at, what, n, want})
				}
			}
		}
	}
	return out
}

// act is when the cell can be tried without disturbing others: who asks for an
// address in another's name takes it from them where that is possible, and a
// connection in the name of a VM needs that VM switched off.
func (c cell) act() string {
	switch {
	case c.what == "arp":
		return "arp"
	case c.as != c.from && c.what == "tcp":
		return "as " + c.from
	}
	return "all up"
}
