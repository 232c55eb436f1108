package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const proofTries = 3

// hostListens is the control for the next ones: somebody is behind the closed ports.
func (p *prover) hostListens(ctx context.Context) (Check, error) {
	c := Check{
		Claim: "control: services listen on the host, over IPv4 and IPv6",
		Tried: fmt.Sprintf("connect from the host to its own 127.0.0.1 and ::1, ports %v", HostPorts),
	}
	var deaf []string
	for _, a := range []string{"127.0.0.1", "::1"} {
		for _, port := range HostPorts {
			to := netip.AddrPortFrom(netip.MustParseAddr(a), port).String()
			if !connects(ctx, p.Host, to) {
				deaf = append(deaf, to)
			}
		}
	}
	c.Passed, c.Result = len(deaf) == 0, fmt.Sprintf("%d of %d answer", 2*len(HostPorts)-len(deaf), 2*len(HostPorts))
	if len(deaf) > 0 {
		c.Result += ", not: " + strings.Join(deaf, ", ")
	}
	return c, nil
}

func connects(ctx context.Context, from *Node, to string) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := from.DialContext(ctx, "tcp", to)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// portsClosed is the claim that of the host's ports only 22 is open, at one address.
func (p *prover) portsClosed(target netip.Addr) func(context.Context) (Check, error) {
	return func(ctx context.Context) (Check, error) {
		s, err := ScanPorts(ctx, p.Scanner, target, p.ports)
		return Check{
			Claim:  fmt.Sprintf("from the scanner every TCP port of the host but 22 is closed, at %s", target),
			Tried:  tried(s),
			Result: found(s),
			Passed: slices.Equal(s.Open, []uint16{22}),
		}, err
	}
}

// probeListens is the control for the next ones: the VM answers whoever gets through.
func (p *prover) probeListens(ctx context.Context) (Check, error) {
	answered := 0
	for _, port := range probeTCP {
		if connects(ctx, p.Host, netip.AddrPortFrom(probeAddr, port).String()) {
			answered++
		}
	}
	udp, err := p.sendUDP(ctx, p.Host)
	if err != nil {
		return Check{}, err
	}
	pings, err := Ping(ctx, p.Host, probeAddr, proofTries)
	return Check{
		Claim:  fmt.Sprintf("control: the VM at %s answers the host", probeAddr),
		Tried:  fmt.Sprintf("connect to TCP %v, %d datagrams to UDP %d, %d pings", probeTCP, proofTries, probeUDP, proofTries),
		Result: fmt.Sprintf("%d of %d TCP ports, %d of %d datagrams, %d of %d pings answered", answered, len(probeTCP), udp, proofTries, pings, proofTries),
		Passed: answered == len(probeTCP) && udp == proofTries && pings == proofTries,
	}, err
}

// tcpReachesNothing is the claim that no TCP port of an internal address can be reached.
func (p *prover) tcpReachesNothing(from *Node, target netip.Addr) func(context.Context) (Check, error) {
	return func(ctx context.Context) (Check, error) {
		s, err := ScanPorts(ctx, from, target, p.ports)
		c := Check{
			Claim:  fmt.Sprintf("from the %s no TCP port of %s can be reached, with a route to it", from.Name, target),
			Tried:  tried(s),
			Result: found(s),
			// A reset would come from inside just as an open port does.
			Passed: len(s.Open) == 0 && s.Refused == 0,
		}
		return c, err
	}
}

func (p *prover) pingReachesNothing(ctx context.Context) (Check, error) {
	c := Check{
		Claim: fmt.Sprintf("from the internet and the scanner nothing in %s answers a ping, with a route to it", internalNet),
		Tried: fmt.Sprintf("%d pings from each to %s and %s", proofTries, internalHost, probeAddr),
	}
	var group errgroup.Group
	targets := []netip.Addr{internalHost, probeAddr}
	answers := make([]int, 2*len(targets))
	for i, from := range p.outside() {
		for j, target := range targets {
			group.Go(func() (err error) {
				answers[i*len(targets)+j], err = Ping(ctx, from, target, proofTries)
				return err
			})
		}
	}
	err := group.Wait()
	c.Passed, c.Result = slices.Max(answers) == 0, "no answer"
	if !c.Passed {
		c.Result = fmt.Sprintf("answers from %s and %s to the internet: %v, to the scanner: %v", internalHost, probeAddr, answers[:2], answers[2:])
	}
	return c, err
}

func (p *prover) udpReachesNothing(ctx context.Context) (Check, error) {
	before := p.probe.datagrams.Load()
	var group errgroup.Group
	for _, from := range p.outside() {
		group.Go(func() error {
			_, err := p.sendUDP(ctx, from)
			return err
		})
	}
	err := group.Wait()
	arrived := p.probe.datagrams.Load() - before
	return Check{
		Claim:  fmt.Sprintf("from the internet and the scanner no datagram reaches %s, with a route to it", probeAddr),
		Tried:  fmt.Sprintf("%d datagrams from each to UDP %d, where the VM counts them", proofTries, probeUDP),
		Result: fmt.Sprintf("%d arrived", arrived),
		Passed: arrived == 0,
	}, err
}

func (p *prover) outside() []*Node { return []*Node{p.Internet, p.Scanner} }

// sendUDP sends datagrams to the probe and returns how many it answered.
func (p *prover) sendUDP(ctx context.Context, from *Node) (answered int, err error) {
	conn, err := from.DialContext(ctx, "udp4", netip.AddrPortFrom(probeAddr, probeUDP).String())
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 64)
	for range proofTries {
		// An ICMP message of the firewall shows as an error of a later write or read,
		// and is an answer of its own: nothing came through.
		_, _ = conn.Write([]byte("waddle-lab"))
		for _, patience := range pingPatience {
			if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
				return answered, err
			}
			if _, err := conn.Read(buf); err == nil {
				answered++
				break
			}
		}
	}
	return answered, nil
}

func tried(s Scan) string {
	return fmt.Sprintf("a SYN to each of %d ports, silent ones asked twice: %d packets", s.Probed, s.Sent)
}

func found(s Scan) string {
	return fmt.Sprintf("open %v, %d refused, %d silent", s.Open, s.Refused, s.Silent)
}
