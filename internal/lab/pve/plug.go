package pve

import (
	"context"
	"net/netip"
	"slices"
)

// Plugger connects VMs to the node's bridges.
type Plugger interface {
	// Bridges lists the bridges that the node has now.
	Bridges(ctx context.Context) ([]string, error)
	// Plug connects one network card. The first card of a VM makes the VM's namespace.
	Plug(ctx context.Context, nic NIC) error
	// Unplug takes a VM's namespace away with all its cards; it is no error when there is none.
	Unplug(ctx context.Context, vm string) error
	// Plugged tells whether a VM's namespace is there.
	Plugged(ctx context.Context, vm string) bool
}

// NIC is a network card as a started VM has it.
type NIC struct {
	VM        string         `json:"vm"` // name of the namespace
	VMID      int            `json:"vmid"`
	Index     int            `json:"index"` // 1 for net1
	Model     string         `json:"model"`
	Bridge    string         `json:"bridge"`
	MAC       string         `json:"mac"`
	Addresses []netip.Prefix `json:"addresses"` // what cloud-init gives it; empty where it gives none
	Gateway   netip.Addr     `json:"gateway"`
	OnLink    bool           `json:"on_link,omitempty"` // the gateway is outside the networks and the guest was told to take it for a neighbour
	LinkDown  bool           `json:"link_down,omitempty"`
}

// Unplugged is a Plugger without a network: it knows its bridges' names, and plugs nothing.
type Unplugged []string

// Bridges implements Plugger.
func (u Unplugged) Bridges(context.Context) ([]string, error) { return slices.Clone(u), nil }

// Plug implements Plugger.
func (u Unplugged) Plug(context.Context, NIC) error { return nil }

// Unplug implements Plugger.
func (u Unplugged) Unplug(context.Context, string) error { return nil }

// Plugged implements Plugger.
func (u Unplugged) Plugged(context.Context, string) bool { return true }
