package netfw

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// closedTable is the nftables table, of the family inet, that Close loads.
const closedTable = "waddle-closed"

// Close is the last resort when LoadRules fails: it closes the host's input for
// both families without any program, in one transaction, whatever the iptables
// commands and their tables are like. It lets the loopback, established
// connections and neighbour discovery in, as BuiltinLockdown does, and leaves
// what is forwarded alone. The next load of rules that succeeds takes it away.
func (d *Driver) Close(context.Context) error {
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.op("nft-load:inet/" + closedTable); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("cannot close the host: %w", err)
	}
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: closedTable}
	conn.AddTable(t)
	conn.DelTable(t)
	conn.AddTable(t)
	policy := nftables.ChainPolicyDrop
	c := conn.AddChain(&nftables.Chain{Name: "input", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &policy})
	for _, match := range [][]expr.Any{matchLoopback(), matchEstablished(), matchNeighbours()} {
		conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: append(match, &expr.Verdict{Kind: expr.VerdictAccept})})
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("cannot close the host (nftables table inet %s): %w", closedTable, err)
	}
	return nil
}

func matchLoopback() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: cString("lo")}}
}

func matchEstablished() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// matchNeighbours is neighbour discovery with the routers' advertisements
// (RFC 4861), types 133 to 136.
func matchNeighbours() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		header(expr.PayloadBaseTransportHeader, 0, 1),
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: []byte{133}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: []byte{136}},
	}
}

// isClosed reports whether what Close loads is there.
func isClosed() (bool, error) {
	conn, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("cannot list the nftables tables: %w", err)
	}
	all, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if isUnknownFamily(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot list the nftables tables: %w", err)
	}
	return slices.ContainsFunc(all, func(t *nftables.Table) bool { return t.Name == closedTable }), nil
}

// reopen takes away what Close has loaded, once rules are loaded in its place.
func (d *Driver) reopen() error {
	closed, err := isClosed()
	if err != nil || !closed {
		return err
	}
	if err := d.op("nft-delete-table:inet/" + closedTable); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err == nil {
		conn.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: closedTable})
		err = conn.Flush()
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("cannot delete nftables table inet %s, which keeps the host closed: %w", closedTable, err)
	}
	return nil
}

func lookClosed(f *Finding, closed bool) {
	if closed {
		f.add(Difference{Kind: Remove, Object: "nftables table inet " + closedTable, Is: "input is closed", Note: "a boot loaded it when the rules could not be loaded"})
	}
}
