package token

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxSources bounds the limiter's memory.
const maxSources = 4096

// Limiter counts failed authentications by source address.
type Limiter struct {
	perMinute int
	now       func() time.Time

	mu      sync.Mutex
	sources map[netip.Addr]*rate.Limiter
}

// NewLimiter returns a limiter that bears perMinute failures a minute from one
// address. An IPv6 address stands for its /64, which one machine can fill. now
// is the clock; nil is the system's.
func NewLimiter(perMinute int, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{perMinute: perMinute, now: now, sources: map[netip.Addr]*rate.Limiter{}}
}

// Failed notes a failure. It returns 0 while the address has failures left,
// otherwise after what time it has one again.
func (l *Limiter) Failed(from netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.source(from, now)
	if r.AllowN(now, 1) {
		return 0
	}
	left := r.ReserveN(now, 1)
	defer left.CancelAt(now)
	return max(left.DelayFrom(now), time.Second)
}

func (l *Limiter) source(from netip.Addr, now time.Time) *rate.Limiter {
	from = from.Unmap()
	if from.Is6() {
		if p, err := from.WithZone("").Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	if r, ok := l.sources[from]; ok {
		return r
	}
	if len(l.sources) >= maxSources {
		l.forget(now)
	}
	r := rate.NewLimiter(rate.Every(time.Minute/time.Duration(l.perMinute)), l.perMinute)
	l.sources[from] = r
	return r
}

// forget drops the sources that have all their failures back. When most are
// busy, an attack comes from thousands of addresses, and half of them go: a
// full table must not be walked for each failure.
func (l *Limiter) forget(now time.Time) {
	for a, r := range l.sources {
		if r.TokensAt(now) >= float64(l.perMinute) {
			delete(l.sources, a)
		}
	}
	for a := range l.sources {
		if len(l.sources) <= maxSources/2 {
			return
		}
		delete(l.sources, a)
	}
}
