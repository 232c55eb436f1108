package lab

import (
	"context"
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// wire connects the three nodes: the scanner and the host each have one cable to the
// internet, and the host's ends in a port of vmbr0, as the Proxmox installer leaves it.
func (s seam) wire(ctx context.Context, lab string) error {
	internet, err := dialNetlink(netnsPath(lab, nodeInternet))
	if err != nil {
		return err
	}
	defer internet.close()
	scanner, err := dialNetlink(netnsPath(lab, nodeScanner))
	if err != nil {
		return err
	}
	defer scanner.close()
	host, err := dialNetlink(netnsPath(lab, nodeHost))
	if err != nil {
		return err
	}
	defer host.close()
	for _, steps := range [][]step{
		wireInternet(lab, internet),
		wireScanner(internet, scanner),
		wireHost(internet, host),
	} {
		if err := s.all(steps); err != nil {
			return err
		}
	}
	return errors.Join(
		scanner.await(ctx, "eth0"),
		internet.await(ctx, "to-scanner", "to-host"),
		host.await(ctx, "eno1", "vmbr0"),
	)
}

func wireInternet(lab string, internet *inside) []step {
	return []step{
		{"let the internet forward", func() error {
			return inNetns(netnsPath(lab, nodeInternet), func() error { return writeSysctls(router) })
		}},
		{"set the internet's lo up", func() error { return internet.up("lo") }},
		{"give the web and name server their addresses", func() error {
			return internet.addresses("lo", single(WebAddr), single(WebAddr6), single(ResolverAddr))
		}},
	}
}

func wireScanner(internet, scanner *inside) []step {
	return []step{
		{"connect the scanner to the internet", func() error { return internet.veth("to-scanner", scanner, "eth0", nil) }},
		{"set the internet's to-scanner up", func() error { return internet.up("to-scanner") }},
		{"set the scanner's lo up", func() error { return scanner.up("lo") }},
		{"set the scanner's eth0 up", func() error { return scanner.up("eth0") }},
		{"give to-scanner its addresses", func() error {
			return internet.addresses("to-scanner", scanGatePref, scanGatePref6)
		}},
		{"give the scanner its addresses", func() error { return scanner.addresses("eth0", scanPrefix, scanPrefix6) }},
		{"give the scanner its routes", func() error { return scanner.defaultRoutes(scannerGate, scannerGate6) }},
	}
}

func wireHost(internet, host *inside) []step {
	return []step{
		{"connect the host to the internet", func() error { return internet.veth("to-host", host, "eno1", nil) }},
		{"set the internet's to-host up", func() error { return internet.up("to-host") }},
		{"give to-host its addresses", func() error { return internet.addresses("to-host", gatePrefix, gatePrefix6) }},
		{"set the host's lo up", func() error { return host.up("lo") }},
		{"set the host's eno1 up", func() error { return host.up("eno1") }},
		{"make the host's vmbr0", func() error {
			return host.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "vmbr0"}})
		}},
		{"plug eno1 into vmbr0", func() error { return host.port("eno1", "vmbr0") }},
		{"set the host's vmbr0 up", func() error { return host.up("vmbr0") }},
		{"give vmbr0 its addresses", func() error { return host.addresses("vmbr0", hostPrefix, hostPrefix6) }},
		{"give the host its routes", func() error { return host.defaultRoutes(HostGateway, HostGateway6) }},
	}
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
