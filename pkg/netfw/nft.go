package netfw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// builtinChains are those that iptables-nft makes when they are first needed.
var builtinChains = []string{"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"}

func (f Family) number() byte {
	if f == IPv6 {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}

// nftTables lists the family's filter and nat table, as far as they exist.
func nftTables(f Family) ([]TableBefore, error) {
	chains, err := baseChains(f)
	if err != nil {
		return nil, err
	}
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables tables: %w", err)
	}
	all, err := conn.ListTablesOfFamily(nftables.TableFamily(f.number()))
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables tables: %w", err)
	}
	var out []TableBefore
	for _, t := range all {
		if !slices.Contains(tables, t.Name) {
			continue
		}
		tb := TableBefore{Name: t.Name}
		for _, c := range chains {
			if c.Table.Name == t.Name {
				tb.Chains = append(tb.Chains, c.Name)
			}
		}
		out = append(out, tb)
	}
	return out, nil
}

func baseChains(f Family) ([]*nftables.Chain, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables chains: %w", err)
	}
	all, err := conn.ListChainsOfTableFamily(nftables.TableFamily(f.number()))
	if err != nil {
		return nil, fmt.Errorf("cannot list the nftables chains: %w", err)
	}
	return slices.DeleteFunc(all, func(c *nftables.Chain) bool { return c.Hooknum == nil }), nil
}

// removeMade deletes the tables and built-in chains that came since before and
// are empty, as iptables itself never deletes a table. NLM_F_NONREC lets the
// kernel refuse with EBUSY when somebody's rule or chain is in it, so nothing
// can slip in between the look and the deletion.
func (d *Driver) removeMade(f Family, before []TableBefore) error {
	chains, err := baseChains(f)
	if err != nil {
		return err
	}
	now, err := nftTables(f)
	if err != nil {
		return err
	}
	for _, t := range now {
		i := slices.IndexFunc(before, func(b TableBefore) bool { return b.Name == t.Name })
		var had []string
		if i >= 0 {
			had = before[i].Chains
		}
		for _, c := range chains {
			isMade := c.Table.Name == t.Name && slices.Contains(builtinChains, c.Name) && !slices.Contains(had, c.Name)
			if !isMade || c.Policy != nil && *c.Policy != nftables.ChainPolicyAccept {
				continue // there before, or somebody gave it a policy
			}
			if err := d.deleteEmpty(f, t.Name, c.Name); err != nil {
				return err
			}
		}
		if i < 0 {
			if err := d.deleteEmpty(f, t.Name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteEmpty deletes a chain, or with chain "" a table, unless something is in it.
func (d *Driver) deleteEmpty(f Family, table, chain string) error {
	kind, attrs, what := unix.NFT_MSG_DELTABLE, []netlink.Attribute{{Type: unix.NFTA_TABLE_NAME, Data: cString(table)}}, "table"
	if chain != "" {
		kind, what = unix.NFT_MSG_DELCHAIN, "chain"
		attrs = []netlink.Attribute{{Type: unix.NFTA_CHAIN_TABLE, Data: cString(table)}, {Type: unix.NFTA_CHAIN_NAME, Data: cString(chain)}}
	}
	if err := d.op("nft-delete-" + what + ":" + string(f) + "/" + table); err != nil {
		return err
	}
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return err
	}
	err = nftBatch(nftMessage(kind, f.number(), netlink.Acknowledge|unix.NLM_F_NONREC, data))
	if err == nil || errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("cannot delete the empty nftables %s %s %s %s: %w", what, f, table, chain, err)
}

func cString(s string) []byte { return append([]byte(s), 0) }

// nftBatch runs one message as a transaction.
func nftBatch(m netlink.Message) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	limit := func(kind int) netlink.Message {
		id := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, unix.NFNL_SUBSYS_NFTABLES)
		return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request}, Data: id}
	}
	if _, err := c.SendMessages([]netlink.Message{limit(unix.NFNL_MSG_BATCH_BEGIN), m, limit(unix.NFNL_MSG_BATCH_END)}); err != nil {
		return err
	}
	_, err = c.Receive()
	return err
}
