package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What the probe VM listens on: what the plan's VMs will, as far as they speak TCP, and
// one UDP port.
var (
	probeTCP = []uint16{80, 443, 2379, 3080, 6443, 50000}
	probeUDP = uint16(8472)
)

// probe is the VM that the proof plugs in. It answers on TCP and counts datagrams.
type probe struct {
	node      *Node
	datagrams atomic.Int64
	closers   []func() error
	done      sync.WaitGroup
}

// prepareProof plugs the probe in and makes the way to it known outside.
func (l *Lab) prepareProof(ctx context.Context) (p *probe, undo func() error, err error) {
	// What a proof that was killed has left.
	if err := l.Unplug(ctx, probeName); err != nil {
		return nil, nil, err
	}
	node, err := l.Plug(ctx, VM{
		Name: probeName, VMID: probeVMID, Bridge: internalBridge,
		Addresses: []netip.Prefix{netip.PrefixFrom(probeAddr, internalNet.Bits())}, Gateway: internalHost,
	})
	if err != nil {
		return nil, nil, err
	}
	p = &probe{node: node}
	undo = func() error {
		p.stop()
		ctx := context.WithoutCancel(ctx)
		return errors.Join(l.routeInside(false), l.Unplug(ctx, probeName))
	}
	if err := errors.Join(l.routeInside(true), p.listen(ctx)); err != nil {
		return nil, nil, errors.Join(err, undo())
	}
	return p, undo, nil
}

// routeInside sets or takes away the internet's route to the internal network, by which
// it is the host that has to refuse and not a missing route.
func (l *Lab) routeInside(there bool) error {
	internet, err := dialNetlink(l.Internet.netns)
	if err != nil {
		return err
	}
	defer internet.close()
	route := &netlink.Route{Dst: ipNet(internalNet), Gw: HostAddr.AsSlice()}
	if there {
		return internet.RouteReplace(route)
	}
	if err := internet.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot take the route to %s off the internet: %w", internalNet, err)
	}
	return nil
}

func (p *probe) listen(ctx context.Context) error {
	for _, port := range probeTCP {
		ln, err := p.node.Listen(ctx, "tcp4", netip.AddrPortFrom(probeAddr, port).String())
		if err != nil {
			return err
		}
		p.closers = append(p.closers, ln.Close)
		p.done.Go(func() { hangUp(ln) })
	}
	pc, err := p.node.ListenPacket(ctx, "udp4", netip.AddrPortFrom(probeAddr, probeUDP).String())
	if err != nil {
		return err
	}
	p.closers = append(p.closers, pc.Close)
	p.done.Go(func() { p.receive(pc) })
	return nil
}

func (p *probe) stop() {
	for _, c := range p.closers {
		_ = c()
	}
	p.done.Wait()
}

// hangUp accepts connections and ends them.
func hangUp(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		_ = conn.Close()
	}
}

// receive answers every datagram, so that the sender knows too.
func (p *probe) receive(pc net.PacketConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		p.datagrams.Add(1)
		_, _ = pc.WriteTo(buf[:n], from)
	}
}
