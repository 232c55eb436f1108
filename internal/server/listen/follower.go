package listen

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// State is how a listener is.
type State struct {
	Address   string
	Listening bool
	Detail    string // why it is not listening
	Since     time.Time
}

// FollowerOptions say where a follower listens and what it does there.
type FollowerOptions struct {
	// Want returns where to listen; false means nowhere yet.
	Want func() (netip.AddrPort, bool)
	// Present reports whether the host has the address.
	Present func(netip.Addr) bool
	Log     *slog.Logger
	// Every is how often Want is asked without a Poke.
	Every time.Duration
	// Backoff is the first pause after a failure; it doubles up to LongestBackoff.
	Backoff time.Duration
}

// LongestBackoff is the longest pause between two attempts to listen.
const LongestBackoff = 30 * time.Second

// Follower keeps a listener where it is wanted. While the wanted address is not
// on the host yet, the former listener stays, so that a platform document that
// moves the API does not make it unreachable before it is applied.
type Follower struct {
	o     FollowerOptions
	serve func(net.Listener)
	poke  chan struct{}

	mu    sync.Mutex
	state State
}

func (o *open) dead() bool {
	if o == nil {
		return false
	}
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// NewFollower returns a follower that does nothing before Run.
func NewFollower(o FollowerOptions) *Follower {
	return &Follower{o: o, poke: make(chan struct{}, 1)}
}

// Poke makes the follower ask at once where to listen.
func (f *Follower) Poke() {
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// State returns how the listener is; false when none is wanted.
func (f *Follower) State() (State, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.state.Address != ""
}

// open is a listener that is being served.
type open struct {
	at   netip.AddrPort
	l    net.Listener
	done chan struct{}
}

func (o *open) close() {
	if o != nil {
		_ = o.l.Close()
		<-o.done
	}
}

// Run listens until ctx ends; serve serves one listener until that is closed.
// It never gives up.
func (f *Follower) Run(ctx context.Context, serve func(net.Listener)) {
	f.serve = serve
	var p places
	defer p.close()
	backoff := f.o.Backoff
	for {
		pause := f.o.Every
		p.forgetDead()
		if at, wanted := f.o.Want(); wanted && !p.at(at) {
			if err := f.move(ctx, &p, at); err != nil {
				f.failed(at, err)
				pause, backoff = min(backoff, pause), min(2*backoff, LongestBackoff)
			} else {
				backoff = f.o.Backoff
			}
		}
		if p.former != nil && f.o.Present(p.now.at.Addr()) {
			f.o.Log.Info("the API has moved", "from", p.former.at.String(), "to", p.now.at.String())
			p.former.close()
			p.former = nil
		}
		if !f.sleep(ctx, pause) {
			return
		}
	}
}

// places is where the API is and, while it moves, where it was.
type places struct{ now, former *open }

func (p *places) at(a netip.AddrPort) bool { return p.now != nil && p.now.at == a }

func (p *places) close() { p.now.close(); p.former.close() }

// forgetDead drops listeners that the kernel or the server gave up.
func (p *places) forgetDead() {
	if p.former.dead() {
		p.former = nil
	}
	if p.now.dead() {
		p.now, p.former = p.former, nil
	}
}

// move listens at a new place, or goes back to the former one.
func (f *Follower) move(ctx context.Context, p *places, at netip.AddrPort) error {
	if p.former != nil && p.former.at == at {
		p.now, p.former = p.former, p.now
		f.listens(at)
		return nil
	}
	next, err := f.start(ctx, at)
	if err != nil {
		return err
	}
	p.former.close()
	p.now, p.former = next, p.now
	return nil
}

func (f *Follower) start(ctx context.Context, at netip.AddrPort) (*open, error) {
	l, err := TCP(ctx, at)
	if err != nil {
		return nil, err
	}
	o := &open{at: at, l: l, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		f.serve(l)
	}()
	f.listens(at)
	return o, nil
}

func (f *Follower) listens(at netip.AddrPort) {
	f.o.Log.Info("the API listens", "address", at.String())
	f.set(State{Address: at.String(), Listening: true, Since: time.Now().UTC()})
}

func (f *Follower) failed(at netip.AddrPort, err error) {
	s, _ := f.State()
	if s.Listening || s.Detail != err.Error() { // one line, not one an attempt
		f.o.Log.Error("the API does not listen; trying again", "address", at.String(), "error", err)
		f.set(State{Address: at.String(), Detail: err.Error(), Since: time.Now().UTC()})
	}
}

func (f *Follower) set(s State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
}

// sleep waits for the pause or a poke and reports whether to go on.
func (f *Follower) sleep(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-f.poke:
	case <-t.C:
	}
	return true
}

// HostHas reports whether a link of the host has the address.
func HostHas(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, one := range all {
		if n, ok := one.(*net.IPNet); ok {
			if has, ok := netip.AddrFromSlice(n.IP); ok && has.Unmap() == a.Unmap() {
				return true
			}
		}
	}
	return false
}
