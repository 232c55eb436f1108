package netfw

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// generation asks the kernel for the number of the present ruleset: every
// committed change of any table, chain or rule of this network namespace raises
// it (NFT_MSG_GETGEN). It takes no process.
func generation() (uint32, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return 0, fmt.Errorf("cannot ask for the ruleset's generation: %w", err)
	}
	defer c.Close()
	replies, err := c.Execute(nftMessage(unix.NFT_MSG_GETGEN, unix.AF_UNSPEC, 0, nil))
	if err != nil {
		return 0, fmt.Errorf("cannot ask for the ruleset's generation: %w", err)
	}
	for _, m := range replies {
		if len(m.Data) < nfgenmsgLen {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(m.Data[nfgenmsgLen:])
		if err != nil {
			return 0, fmt.Errorf("cannot read the ruleset's generation: %w", err)
		}
		ad.ByteOrder = binary.BigEndian
		for ad.Next() {
			if ad.Type() == unix.NFTA_GEN_ID {
				return ad.Uint32(), nil
			}
		}
	}
	return 0, errors.New("cannot read the ruleset's generation: the kernel's answer has none")
}

const nfgenmsgLen = 4 // struct nfgenmsg: family, version, resource id

// nftMessage builds a message to nf_tables.
func nftMessage(kind int, family byte, flags netlink.HeaderFlags, attrs []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
			Flags: netlink.Request | flags,
		},
		Data: append([]byte{family, unix.NFNETLINK_V0, 0, 0}, attrs...),
	}
}
