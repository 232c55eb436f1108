package lab

import (
	"context"
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sync/errgroup"

	"github.com/waddle-social/waddle/internal/lab/upstream"
)

// zone is all that the lab's name server knows.
var zone = map[string][]netip.Addr{
	WebName + ".":               {WebAddr, WebAddr6},
	upstream.FactoryHost + ".":  {WebAddr, WebAddr6},
	upstream.DebianHost + ".":   {WebAddr, WebAddr6},
	"host.internet.example.":    {HostAddr, HostAddr6},
	"scanner.internet.example.": {ScannerAddr, ScannerAddr6},
}

// serveDNS answers over UDP at the address that the plan's VMs have as their resolver.
func serveDNS(ctx context.Context, group *errgroup.Group, node *Node) error {
	pc, err := node.ListenPacket(ctx, "udp", netip.AddrPortFrom(ResolverAddr, 53).String())
	if err != nil {
		return err
	}
	group.Go(func() error {
		<-ctx.Done()
		return pc.Close()
	})
	group.Go(func() error {
		err := answerAll(pc)
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	return nil
}

func answerAll(pc net.PacketConn) error {
	buf := make([]byte, 512)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return err
		}
		if reply, err := answer(buf[:n]); err == nil {
			_, _ = pc.WriteTo(reply, from)
		}
	}
}

func answer(query []byte) ([]byte, error) {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	addrs, known := zone[q.Name.String()]
	code := dnsmessage.RCodeSuccess
	if !known {
		code = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: head.ID, Response: true, Authoritative: true,
		RecursionDesired: head.RecursionDesired, RecursionAvailable: true, RCode: code,
	})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if err := b.StartAnswers(); err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if err := addAddress(&b, q, a); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func addAddress(b *dnsmessage.Builder, q dnsmessage.Question, a netip.Addr) error {
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch {
	case a.Is4() && q.Type == dnsmessage.TypeA:
		return b.AResource(head, dnsmessage.AResource{A: a.As4()})
	case a.Is6() && q.Type == dnsmessage.TypeAAAA:
		return b.AAAAResource(head, dnsmessage.AAAAResource{AAAA: a.As16()})
	}
	return nil
}
