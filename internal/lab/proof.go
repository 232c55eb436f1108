package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Check is one line of a proof.
type Check struct {
	Claim    string        `json:"claim"`  // what has to hold
	Tried    string        `json:"tried"`  // what was done, and how often
	Result   string        `json:"result"` // what came of it
	Passed   bool          `json:"passed"`
	Duration time.Duration `json:"duration"` // nanoseconds
}

// Proof is what the lab found out about the host's network, from outside and from a VM.
type Proof struct {
	Checks   []Check       `json:"checks"`
	Duration time.Duration `json:"duration"` // nanoseconds
}

// Passed reports whether every check did.
func (p *Proof) Passed() bool {
	for _, c := range p.Checks {
		if !c.Passed {
			return false
		}
	}
	return len(p.Checks) > 0
}

// String is the proof for a person.
func (p *Proof) String() string {
	var b strings.Builder
	for _, c := range p.Checks {
		word := "ok  "
		if !c.Passed {
			word = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %s\n      tried: %s\n      found: %s (%s)\n", word, c.Claim, c.Tried, c.Result, c.Duration.Round(time.Millisecond))
	}
	verdict := "proven"
	if !p.Passed() {
		verdict = "NOT proven"
	}
	fmt.Fprintf(&b, "%s: %d checks in %s\n", verdict, len(p.Checks), p.Duration.Round(time.Millisecond))
	return b.String()
}

// The plan's internal network, as the proof looks at it.
const (
	internalBridge = "vmbr1"
	probeName      = "proof"
	probeVMID      = 990099
)

var (
	internalNet  = netip.MustParsePrefix("10.10.0.0/24")
	internalHost = netip.MustParseAddr("10.10.0.1")
	probeAddr    = netip.MustParseAddr("10.10.0.251")
)

// Proof looks from a VM on vmbr1, from the scanner and from the internet at a host on
// which phases 0 and 1 are applied: the VM loads a page and the server sees the host's
// public address; every TCP port of the host but 22 is closed over IPv4 and IPv6; nothing
// from outside reaches 10.10.0.0/24 although outside knows the way. For that time it plugs
// a VM "proof" in and gives the internet a route to 10.10.0.0/24.
//
// The error says that the proof could not be taken; whether it passed is in the Proof.
func (l *Lab) Proof(ctx context.Context) (*Proof, error) { return l.proof(ctx, AllPorts()) }

func (l *Lab) proof(ctx context.Context, ports Ports) (proof *Proof, err error) {
	start := time.Now()
	probe, undo, err := l.prepareProof(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot take the proof of lab %s: %w", l.Name, err)
	}
	defer func() { err = errors.Join(err, undo()) }()
	p := &prover{Lab: l, probe: probe, ports: ports}
	// One after the other, until it is known that there is somebody to be kept out from.
	checks, err := take(ctx, 1, p.pageLoads, p.hostListens, p.probeListens)
	if err != nil {
		return nil, fmt.Errorf("cannot take the proof of lab %s: %w", l.Name, err)
	}
	outside, err := take(ctx, proofsAtOnce,
		p.portsClosed(HostAddr),
		p.portsClosed(HostAddr6),
		p.tcpReachesNothing(l.Internet, internalHost),
		p.tcpReachesNothing(l.Internet, probeAddr),
		p.tcpReachesNothing(l.Scanner, internalHost),
		p.tcpReachesNothing(l.Scanner, probeAddr),
		p.pingReachesNothing,
		p.udpReachesNothing,
	)
	if err != nil {
		return nil, fmt.Errorf("cannot take the proof of lab %s: %w", l.Name, err)
	}
	return &Proof{Checks: append(checks, outside...), Duration: time.Since(start)}, nil
}

// proofsAtOnce is how many checks run side by side: a scan is mostly waiting.
const proofsAtOnce = 4

// take takes the checks, some at once, and returns them in the order given.
func take(ctx context.Context, atOnce int, looks ...func(context.Context) (Check, error)) ([]Check, error) {
	checks := make([]Check, len(looks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, look := range looks {
		group.Go(func() error {
			began := time.Now()
			c, err := look(ctx)
			c.Duration = time.Since(began)
			checks[i] = c
			return err
		})
	}
	return checks, group.Wait()
}

type prover struct {
	*Lab
	probe *probe
	ports Ports
}
