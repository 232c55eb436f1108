package iscsi

import (
	"context"
	"net/netip"
	"path"
	"slices"
)

// Listeners returns which targets, ours and others', keep portal p from being
// opened: those that listen on all addresses of the same port. The kernel opens
// one socket for all targets of a portal, and none beside one on all addresses.
func (c *Client) Listeners(ctx context.Context, p Portal) ([]string, error) {
	want, err := netip.ParseAddrPort(p.String())
	if err != nil {
		return nil, err
	}
	names, err := c.folders(c.iscsiDir())
	if err != nil {
		return nil, notReady("list portals", err)
	}
	var found []string
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		groups, err := c.folders(path.Join(c.iscsiDir(), name))
		if gone(err) != nil {
			return nil, notReady("list portals", err)
		}
		for _, g := range groups {
			// What is no portal group has no np.
			portals, err := c.folders(path.Join(c.iscsiDir(), name, g, "np"))
			if gone(err) != nil {
				return nil, notReady("list portals", err)
			}
			if slices.ContainsFunc(portals, func(text string) bool {
				a, err := netip.ParseAddrPort(text)
				return err == nil && a.Addr().IsUnspecified() && a.Port() == want.Port()
			}) {
				found = append(found, name)
				break
			}
		}
	}
	return found, nil
}
