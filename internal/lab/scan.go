package lab

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Ports is a range of TCP ports, both ends in it.
type Ports struct{ First, Last uint16 }

// AllPorts are all TCP ports that there are.
func AllPorts() Ports { return Ports{First: 1, Last: 65535} }

// Scan says what came of a scan.
type Scan struct {
	From     string        `json:"from"`
	Target   netip.Addr    `json:"target"`
	Probed   int           `json:"probed"`   // ports
	Sent     int           `json:"sent"`     // packets
	Open     []uint16      `json:"open"`     // answered with SYN and ACK
	Refused  int           `json:"refused"`  // answered with RST
	Silent   int           `json:"silent"`   // nothing came back
	Duration time.Duration `json:"duration"` // nanoseconds
}

const (
	scanRounds = 2                      // a port that is silent is asked again
	scanQuiet  = 400 * time.Millisecond // how long the last answers of a round may take; a lab has no distance
	scanBatch  = 128                    // packets between two looks at the answers, below the kernel's backlog of 1000
)

// ScanPorts asks each TCP port of target for a connection, from the node from.
//
// It is a SYN scan: a raw socket sends one SYN to each port and reads what comes back.
// SYN and ACK means open, RST means that nobody listens or that it was refused with a
// reset. A port from which nothing came within 400 ms after the last SYN is asked a
// second time and counts as silent then; so does one that is refused with an ICMP
// message. The kernel itself takes back, with a RST, what it did not ask for, so no
// connection stays half open.
func ScanPorts(ctx context.Context, from *Node, target netip.Addr, ports Ports) (Scan, error) {
	var result Scan
	err := inNetns(from.netns, func() error {
		s, err := newScanner(target)
		if err != nil {
			return err
		}
		defer s.close()
		result, err = s.run(ctx, ports)
		return err
	})
	if err != nil {
		return Scan{}, fmt.Errorf("cannot scan %s from %s: %w", target, from.Name, err)
	}
	result.From, result.Target = from.Name, target
	return result, nil
}

func (s *scanner) run(ctx context.Context, ports Ports) (Scan, error) {
	start := time.Now()
	r := Scan{Open: []uint16{}}
	// The first packet makes the routers look for their neighbours, which drop what
	// comes in the meantime.
	if err := s.send(ports.First); err != nil {
		return r, err
	}
	if err := s.collect(50 * time.Millisecond); err != nil {
		return r, err
	}
	for range scanRounds {
		if err := s.round(ctx, ports); err != nil {
			return r, err
		}
	}
	for port := int(ports.First); port <= int(ports.Last); port++ {
		r.Probed++
		switch s.answers[port] {
		case answerOpen:
			r.Open = append(r.Open, uint16(port))
		case answerRefused:
			r.Refused++
		default:
			r.Silent++
		}
	}
	r.Sent, r.Duration = s.sent, time.Since(start)
	return r, nil
}

// round asks every port that has not answered yet.
func (s *scanner) round(ctx context.Context, ports Ports) error {
	asked := 0
	for port := int(ports.First); port <= int(ports.Last); port++ {
		if s.answers[port] != answerNone {
			continue
		}
		if err := s.send(uint16(port)); err != nil {
			return err
		}
		if asked++; asked%scanBatch == 0 {
			if err := s.collect(0); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if asked == 0 {
		return nil
	}
	return s.collect(scanQuiet)
}
