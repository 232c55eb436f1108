package netfw

import (
	"context"
	"net/netip"
)

// BridgeBefore is what was there before the first ApplyBridge.
type BridgeBefore struct {
	Name      string         `json:"name"`
	Wanted    []netip.Prefix `json:"wanted"` // the addresses that the apply adds
	Exists    bool           `json:"exists"`
	Up        bool           `json:"up"`
	MTU       int            `json:"mtu"` // bytes
	Addresses []netip.Prefix `json:"addresses"`
	Own       FileState      `json:"own"`
	Foreign   []ForeignFile  `json:"foreign"`
}

// CaptureBridge records what is there, for UndoBridge.
func (d *Driver) CaptureBridge(ctx context.Context, want Bridge) (BridgeBefore, error) {
	b := BridgeBefore{Name: want.Name, Wanted: want.Addresses}
	l, err := findLink(want.Name)
	if err != nil {
		return b, err
	}
	if l != nil {
		b.Exists, b.Up, b.MTU, b.Addresses = true, l.up(), l.link.Attrs().MTU, l.addresses
	}
	if b.Own, err = d.captureFile(ownInterfaces); err != nil {
		return b, err
	}
	in, err := d.readInterfaces()
	if err != nil {
		return b, err
	}
	if len(in.stanzasOf(want.Name)) == 0 {
		return b, nil
	}
	for _, name := range in.order {
		left := in.files[name].without(want.Name)
		if len(left) == len(in.files[name].content) {
			continue // nothing to take out
		}
		ff, err := d.captureForeign(name, left)
		if err != nil {
			return b, err
		}
		b.Foreign = append(b.Foreign, ff)
	}
	return b, nil
}
