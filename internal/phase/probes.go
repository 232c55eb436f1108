package phase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
)

// Probes is what the gates of phase 3 look through. There is one for the life
// of the daemon, as it remembers what was seen: the reconciler, which must cause
// no traffic, goes by that. The zero value can look at Teleport from the host
// and at nothing from outside.
type Probes struct {
	App     AppProbe
	Outside Outside // nil: there is no such place

	mu     sync.Mutex
	recent map[string]engine.Evidence // by what was probed
	seen   map[string]seenUnder       // by step
}

// freshFor is how long an answer stands for the next who ask: a page that is
// loaded again and again causes no more traffic than one.
const freshFor = 10 * time.Second

func (p *Probes) app(ctx context.Context, name, teleport string, at netip.Addr) engine.Evidence {
	return p.once("app "+name, func() engine.Evidence { return p.App.Ask(ctx, name, teleport, at) })
}

// closed looks whether a port of the host's public address does not answer.
func (p *Probes) closed(ctx context.Context, to netip.AddrPort) engine.Evidence {
	return p.once("tcp "+to.String(), func() engine.Evidence {
		e := engine.Evidence{What: "TCP " + to.String(), From: "outside", At: time.Now().UTC(), Verdict: engine.Inconclusive}
		var out Outside = noOutside{}
		if p.Outside != nil {
			out = p.Outside
		}
		c, err := out.Connect(ctx, to)
		var none *NoOutsideError
		switch {
		case errors.As(err, &none):
			e.Answer = "not tried: " + none.Why
		case err != nil:
			e.Answer = fmt.Sprintf("not tried: %v", err)
		default:
			e.From, e.Answer, e.Verdict = c.From, c.Detail, engine.Proves
			if c.Answered {
				e.Verdict = engine.Contradicts
			}
		}
		return e
	})
}

// once answers from memory while that is fresh.
func (p *Probes) once(key string, look func() engine.Evidence) engine.Evidence {
	p.mu.Lock()
	e, known := p.recent[key]
	p.mu.Unlock()
	if known && time.Since(e.At) < freshFor {
		return e
	}
	e = look()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent == nil {
		p.recent = map[string]engine.Evidence{}
	}
	p.recent[key] = e
	return e
}

// seenUnder is what a gate rests on, under one lockdown.
type seenUnder struct {
	lockdown string
	evidence []engine.Evidence
}

func (p *Probes) remember(step, lockdown string, e []engine.Evidence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]seenUnder{}
	}
	p.seen[step] = seenUnder{lockdown, e}
}

func (p *Probes) remembered(step, lockdown string) ([]engine.Evidence, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, known := p.seen[step]
	return s.evidence, known && s.lockdown == lockdown
}
