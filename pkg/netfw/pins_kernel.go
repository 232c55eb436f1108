package netfw

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// bridgePins is our table of the bridge family as the kernel has it.
type bridgePins struct {
	exists bool
	chain  savedChain
	// strange says what in the table is not as waddled writes it.
	strange string
}

// savedPins lists our table. It takes no process.
func savedPins() (bridgePins, error) {
	var p bridgePins
	conn, err := nftables.New()
	if err != nil {
		return p, fmt.Errorf("cannot list table bridge %s: %w", pinTable, err)
	}
	all, err := conn.ListTablesOfFamily(nftables.TableFamilyBridge)
	if err != nil && !isUnknownFamily(err) {
		return p, fmt.Errorf("cannot list the nftables tables of bridges: %w", err)
	}
	i := slices.IndexFunc(all, func(t *nftables.Table) bool { return t.Name == pinTable })
	if i < 0 {
		return p, nil
	}
	p.exists, p.chain = true, savedChain{name: pinChain}
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyBridge)
	if err != nil {
		return p, fmt.Errorf("cannot list the chains of table bridge %s: %w", pinTable, err)
	}
	chains = slices.DeleteFunc(chains, func(c *nftables.Chain) bool { return c.Table.Name != pinTable })
	for _, c := range chains {
		if !isPinChain(c) {
			p.strange = "chain " + c.Name + " is not ours, or not where ours is"
			continue
		}
		p.read(conn, c)
	}
	if len(chains) == 0 {
		p.strange = "it has no chain"
	}
	return p, nil
}

// isUnknownFamily reports whether the kernel has no nf_tables, or none for bridges.
func isUnknownFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL)
}

func isPinChain(c *nftables.Chain) bool {
	return c.Name == pinChain && c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookPrerouting &&
		c.Priority != nil && *c.Priority == pinPriority && (c.Policy == nil || *c.Policy == nftables.ChainPolicyAccept)
}

// read reads the rules. What cannot be read is not ours, and no reason not to
// load what is.
func (p *bridgePins) read(conn *nftables.Conn, c *nftables.Chain) {
	rules, err := conn.GetRules(c.Table, c)
	if err != nil {
		p.strange = fmt.Sprintf("its rules cannot be read: %v", err)
		return
	}
	for _, r := range rules {
		pin, err := pinOf(r.Exprs)
		s := savedRule{text: pin.String()}
		if err != nil {
			s.text = err.Error()
			p.strange = s.text
		}
		s.normal = s.text
		for _, e := range r.Exprs {
			if n, ok := e.(*expr.Counter); ok {
				s.packets, s.bytes = n.Packets, n.Bytes
			}
		}
		p.chain.rules = append(p.chain.rules, s)
	}
}

// pinPriority comes before br_netfilter and ebtables' nat table.
const pinPriority nftables.ChainPriority = -350

func (p bridgePins) same(rules []string) bool {
	if !p.exists || len(rules) == 0 {
		return !p.exists && len(rules) == 0
	}
	return p.strange == "" && slices.Equal(p.chain.texts(), rules)
}

// loadPins replaces the table in one transaction. Several lists become chains
// that a frame has to pass all of; none takes the table away.
func (d *Driver) loadPins(lists ...[]string) error {
	lists = slices.DeleteFunc(slices.Clone(lists), func(l []string) bool { return len(l) == 0 })
	if err := d.op("nft-load:bridge/" + pinTable); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("cannot load the pins of addresses to ports: %w", err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyBridge, Name: pinTable}
	conn.AddTable(t) // so that the deletion finds one
	conn.DelTable(t)
	if len(lists) > 0 {
		conn.AddTable(t)
	}
	for i, rules := range lists {
		if err := addPins(conn, t, i, rules); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("cannot load the pins of addresses to ports (nftables table bridge %s): %w; is the kernel's nf_tables_bridge there?", pinTable, err)
	}
	return nil
}

func addPins(conn *nftables.Conn, t *nftables.Table, i int, rules []string) error {
	priority, policy, name := pinPriority, nftables.ChainPolicyAccept, pinChain
	if i > 0 {
		name = fmt.Sprintf("%s-%d", pinChain, i)
	}
	c := conn.AddChain(&nftables.Chain{Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: &priority, Policy: &policy})
	for _, text := range rules {
		r, err := parsePin(text)
		if err != nil {
			return fmt.Errorf("cannot load the pins of addresses to ports: %w", err)
		}
		conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: r.exprs()})
	}
	return nil
}
