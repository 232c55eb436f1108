// Package netfw is the driver of a host's internal network: one bridge without
// a physical port, IPv4 forwarding, masquerade and the filter rules, over IPv4
// and IPv6.
//
// It works in the network namespace of the calling thread and owns there
//
//   - the bridge that it is told, and the one address on it,
//   - the chains WADDLE-INPUT and WADDLE-FORWARD (filter, both families) and
//     WADDLE-POSTROUTING (nat, IPv4), and one jump to each,
//   - the nftables table bridge waddle, which pins source addresses to VMs' ports,
//   - the nftables table inet waddle-closed, where nothing else could be loaded,
//   - net.ipv4.ip_forward,
//
// and on disk the files /etc/network/interfaces.d/waddle,
// /etc/sysctl.d/60-waddle.conf, the rule files in /etc/waddle/firewall and
// the copies in /var/lib/waddle/adopted. With the operator's consent it takes lines that
// say the same out of /etc/network/interfaces and the files that it sources,
// out of sysctl.conf and sysctl.d, out of /etc/iptables/rules.v4 and rules.v6
// and out of the built-in chains. It touches nothing else: no chain, rule,
// link, address or line of somebody else is flushed, moved or rewritten.
//
// Each subject (bridge, forwarding, rules) has the same five functions: Look
// says what differs, Apply removes the differences, Capture records what was
// there, ShowUndo says what putting it back would change, and Undo puts it
// back. All can be called again after having been killed anywhere.
//
// Look starts at most one process for each family, and none while the kernel's
// ruleset generation is that of the last look.
//
// Beside them LoadRules swaps whole rule sets in the kernel and touches no file,
// Close closes the host where that is not possible,
// ParseRules reads a rule file back, BuiltinLockdown is for when there is none to
// read, and Decide says what a rule set does with a packet without sending it.
package netfw
