package netfw

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// droppingTables returns one line for each chain of an nftables table of
// somebody else's that can drop what ours accept: a drop is final in every table,
// while an accept is not.
func droppingTables() ([]string, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables chains: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables chains: %w", err)
	}
	var out []string
	for _, c := range chains {
		if isOfIPTables(c.Table) || c.Table.Name == closedTable || !filters(c) {
			continue
		}
		drops, err := canDrop(conn, chains, c)
		if err != nil {
			return nil, err
		}
		if !drops {
			continue
		}
		order := map[int]string{-1: "before", 0: "beside", 1: "after"}[cmp.Compare(*c.Priority, *nftables.ChainPriorityFilter)]
		out = append(out, fmt.Sprintf("nftables table %s %s, chain %s (priority %d, asked %s ours) drops packets whatever ours accept; look with: nft list table %[1]s %[2]s",
			tableFamily(c.Table), c.Table.Name, c.Name, *c.Priority, order))
	}
	slices.Sort(out)
	return out, nil
}

// isOfIPTables reports whether iptables shows the table, so that its rules are
// looked at there. Our own is of the bridge family, which filters leaves out.
func isOfIPTables(t *nftables.Table) bool {
	return (t.Family == nftables.TableFamilyIPv4 || t.Family == nftables.TableFamilyIPv6) &&
		slices.Contains([]string{"filter", "nat", "mangle", "raw", "security"}, t.Name)
}

// filters reports whether packets to the host, or through it, pass the chain.
func filters(c *nftables.Chain) bool {
	if c.Hooknum == nil || c.Priority == nil || tableFamily(c.Table) == "" {
		return false
	}
	return slices.Contains([]nftables.ChainHook{*nftables.ChainHookPrerouting, *nftables.ChainHookInput, *nftables.ChainHookForward}, *c.Hooknum)
}

func tableFamily(t *nftables.Table) string {
	return map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet"}[t.Family]
}

// canDrop reports whether the chain's policy, or a rule of its table's that it
// can come to, drops.
func canDrop(conn *nftables.Conn, all []*nftables.Chain, base *nftables.Chain) (bool, error) {
	if base.Policy != nil && *base.Policy == nftables.ChainPolicyDrop {
		return true, nil
	}
	for _, c := range all {
		if c.Table.Name != base.Table.Name || c.Table.Family != base.Table.Family || c.Hooknum != nil && c.Name != base.Name {
			continue
		}
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			return false, fmt.Errorf("cannot list the rules of nftables table %s: %w", c.Table.Name, err)
		}
		if slices.ContainsFunc(rules, func(r *nftables.Rule) bool { return slices.ContainsFunc(r.Exprs, isDrop) }) {
			return true, nil
		}
	}
	return false, nil
}

func isDrop(e expr.Any) bool {
	switch x := e.(type) {
	case *expr.Reject:
		return true
	case *expr.Verdict:
		return x.Kind == expr.VerdictDrop
	}
	return false
}
