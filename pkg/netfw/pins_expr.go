package netfw

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// etherTypes are the protocols by their number (IEEE 802 numbers).
var etherTypes = map[string]uint16{
	pinIP: unix.ETH_P_IP, pinARP: unix.ETH_P_ARP, pinIP6: unix.ETH_P_IPV6, "8021q": unix.ETH_P_8021Q, "8021ad": unix.ETH_P_8021AD,
}

// senders is where the sender's address stands in the network header, in bytes.
var senders = map[string]uint32{pinIP: 12, pinARP: 14, pinIP6: 8}

// exprs is the rule as the kernel holds it: what nft makes of its text.
func (r pinRule) exprs() []expr.Any {
	var out []expr.Any
	equals := func(b []byte) { out = append(out, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: b}) }
	if r.port != "" {
		out = append(out, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1})
		equals([]byte(r.port[:len(r.port)-1])) // without a final zero: every name that begins so
	}
	etherType := func(name string) { equals(binary.BigEndian.AppendUint16(nil, etherTypes[name])) }
	if at, ok := senders[r.proto]; ok {
		out = append(out, &expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1})
		etherType(r.proto)
		out = append(out, header(expr.PayloadBaseNetworkHeader, at, uint32(len(r.addr.AsSlice()))))
		equals(r.addr.AsSlice())
	} else if outer, inner, ok := strings.Cut(r.proto, " "); ok {
		out = append(out, header(expr.PayloadBaseLLHeader, 12, 2))
		etherType(outer)
		out = append(out, header(expr.PayloadBaseLLHeader, 14, 2), &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0x0f, 0xff}, Xor: []byte{0, 0}})
		equals([]byte{0, 0}) // the VLAN
		out = append(out, header(expr.PayloadBaseLLHeader, 16, 2))
		etherType(inner)
	}
	if r.drop {
		return append(out, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	return append(out, &expr.Verdict{Kind: expr.VerdictAccept})
}

func header(base expr.PayloadBase, at, bytes uint32) *expr.Payload {
	return &expr.Payload{OperationType: expr.PayloadLoad, Base: base, Offset: at, Len: bytes, DestRegister: 1}
}

// pinOf reads the kernel's form back. What differs in anything from what exprs
// makes is not ours.
func pinOf(es []expr.Any) (pinRule, error) {
	var r pinRule
	var types []string
	for i, e := range es {
		data := compared(es, i+1)
		switch x := e.(type) {
		case *expr.Meta:
			if x.Key == expr.MetaKeyIIFNAME {
				r.port = string(data) + "*"
			} else {
				types = append(types, etherName(data))
			}
		case *expr.Payload:
			if a, ok := netip.AddrFromSlice(data); ok {
				r.addr = a
			} else if len(data) == 2 {
				types = append(types, etherName(data))
			}
		case *expr.Verdict:
			r.drop = x.Kind == expr.VerdictDrop
		}
	}
	r.proto = strings.Join(types, " ")
	if !r.isKnown() || !bytes.Equal(printed(r.exprs()), printed(es)) {
		return pinRule{}, fmt.Errorf("a rule of %d expressions that waddled did not write", len(es))
	}
	return r, nil
}

func etherName(data []byte) string {
	for name, n := range etherTypes {
		if len(data) == 2 && binary.BigEndian.Uint16(data) == n {
			return name
		}
	}
	return "?"
}

// compared returns what the i-th expression compares with.
func compared(es []expr.Any, i int) []byte {
	if i < len(es) {
		if c, ok := es[i].(*expr.Cmp); ok {
			return c.Data
		}
	}
	return nil
}

// printed is all of the expressions but what counters have counted.
func printed(es []expr.Any) []byte {
	var b bytes.Buffer
	for _, e := range es {
		if _, ok := e.(*expr.Counter); ok {
			e = &expr.Counter{}
		}
		fmt.Fprintf(&b, "%T%+v\n", e, e)
	}
	return b.Bytes()
}
