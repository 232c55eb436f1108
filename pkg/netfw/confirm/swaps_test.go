package confirm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// swaps is the number of times that the rules change under traffic.
const swaps = 200

// TestNothingPassesBetweenTwoProfiles sends, while the profiles change, what
// both of them drop, and talks over connections that both of them allow.
func TestNothingPassesBetweenTwoProfiles(t *testing.T) {
	t.Parallel()
	goFirst()
	l := newLab(t)
	l.serve()
	l.loaded(netfw.Initial)
	w := l.firewall(t)
	for _, ip := range []string{hostIPv4, hostIPv6} {
		l.listenUDP(w, ip)
		w.talk(t, l, ip)
	}
	for _, ip := range []string{hostIPv4, hostIPv6} {
		w.flood(t, l, ip)
	}
	w.swap(t, l)
	w.stop.Store(true)
	w.group.Wait()
	for _, err := range w.broken {
		t.Error(err)
	}
	fmt.Printf("%d profile swaps: %d packets sent that both profiles drop, %d got through; %d connections that both allow, %d echoes, %d broken, the slowest echo took %s\n",
		w.done, w.sent.Load(), w.through.Load(), w.talks, w.echoes.Load(), len(w.broken), time.Duration(w.slowest.Load()).Round(time.Millisecond))
	if w.through.Load() > 0 {
		t.Errorf("%d packets got through", w.through.Load())
	}
	if w.done != swaps || w.sent.Load() < swaps*10 || w.echoes.Load() < swaps {
		t.Errorf("too little was tried: %d swaps, %d packets, %d echoes", w.done, w.sent.Load(), w.echoes.Load())
	}
	// That the flood would be seen if it got through.
	l.loaded(netfw.Open)
	l.reachesUDP(t, w)
}

type traffic struct {
	f             *Firewall
	stop          atomic.Bool
	group         sync.WaitGroup
	sent, through atomic.Int64
	echoes        atomic.Int64
	slowest       atomic.Int64
	talks, done   int
	mu            sync.Mutex
	broken        []error
}

// noGuard is for changes that end within the test.
type noGuard struct{}

func (noGuard) Arm(context.Context, string, time.Duration) (string, error) { return "none", nil }
func (noGuard) Disarm(context.Context, string, string) error               { return nil }

func (l *lab) firewall(t *testing.T) *traffic {
	t.Helper()
	b := newBench(l)
	f, err := Open(Options{Dir: b.template, Run: memory(t), Loader: netfw.New(netfw.Options{}), Guard: noGuard{}})
	if err != nil {
		t.Fatal(err)
	}
	return &traffic{f: f}
}

// swap changes to lockdown and back, as an operator does who confirms nothing.
func (w *traffic) swap(t *testing.T, l *lab) {
	t.Helper()
	err := l.host.do(func() error {
		for w.done < swaps {
			p, err := w.f.Set(context.Background(), Change{Profile: netfw.Lockdown, Rules: rulesOf(t, netfw.Lockdown), Within: time.Minute})
			if err != nil {
				return err
			}
			if err := w.f.Rollback(context.Background(), p.ID, "swap"); err != nil {
				return err
			}
			w.done += 2
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

const floodPort = "9999"

// listenUDP counts what gets through.
func (l *lab) listenUDP(w *traffic, ip string) {
	l.t.Helper()
	err := l.host.do(func() error {
		c, err := net.ListenPacket("udp", net.JoinHostPort(ip, floodPort))
		if err != nil {
			return err
		}
		l.t.Cleanup(func() { _ = c.Close() })
		go func() {
			b := make([]byte, 64)
			for {
				if _, _, err := c.ReadFrom(b); err != nil {
					return
				}
				w.through.Add(1)
			}
		}()
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// flood sends from ever new ports, so that every packet is a new flow.
func (w *traffic) flood(t *testing.T, l *lab, ip string) {
	w.group.Go(func() {
		err := l.operator.do(func() error {
			for !w.stop.Load() {
				if err := sendUDP(ip); err != nil {
					return err
				}
				w.sent.Add(1)
				time.Sleep(300 * time.Microsecond)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func sendUDP(ip string) error {
	c, err := net.Dial("udp", net.JoinHostPort(ip, floodPort))
	if err != nil {
		return err
	}
	_, err = c.Write([]byte("x"))
	return errors.Join(err, c.Close())
}

func (l *lab) reachesUDP(t *testing.T, w *traffic) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		err := l.operator.do(func() error { return errors.Join(sendUDP(hostIPv4), sendUDP(hostIPv6)) })
		if err != nil {
			t.Fatal(err)
		}
		if w.through.Load() > 1 {
			return
		}
	}
	t.Error("the flood does not get through with the firewall open either: it proves nothing")
}

// talk opens a connection and has it echo until the end.
func (w *traffic) talk(t *testing.T, l *lab, ip string) {
	t.Helper()
	var c net.Conn
	err := l.operator.do(func() (err error) {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(ip, "22"), time.Minute)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.talks++
	w.group.Go(func() {
		defer func() { _ = c.Close() }()
		for !w.stop.Load() {
			if err := w.echo(c); err != nil {
				w.mu.Lock()
				w.broken = append(w.broken, fmt.Errorf("the connection to %s broke: %w", ip, err))
				w.mu.Unlock()
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// echo fails when the answer takes more than a minute. A single packet that
// was dropped shows as an echo slower than TCP's 200 ms.
func (w *traffic) echo(c net.Conn) error {
	began := time.Now()
	if err := c.SetDeadline(began.Add(time.Minute)); err != nil {
		return err
	}
	b := []byte("ping")
	if _, err := c.Write(b); err != nil {
		return err
	}
	for n := 0; n < len(b); {
		k, err := c.Read(b[n:])
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("no echo within a minute: %w", err)
			}
			return err
		}
		n += k
	}
	w.echoes.Add(1)
	for took := int64(time.Since(began)); ; {
		was := w.slowest.Load()
		if took <= was || w.slowest.CompareAndSwap(was, took) {
			return nil
		}
	}
}
