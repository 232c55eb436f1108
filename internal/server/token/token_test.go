package token

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/state"
)

// counting counts the writes to a state file.
type counting struct {
	*state.DB
	mu     sync.Mutex
	writes map[string]int
}

func (c *counting) Update(op string, fn func(*bbolt.Tx) error) error {
	c.mu.Lock()
	c.writes[op]++
	c.mu.Unlock()
	return c.DB.Update(op, fn)
}

type fixture struct {
	*Store
	db   *counting
	path string
	now  time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "state.db"), now: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)}
	db, err := state.Open(f.path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f.db = &counting{DB: db, writes: map[string]int{}}
	f.reopen(t)
	return f
}

func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	var err error
	if f.Store, err = Open(f.db, func() time.Time { return f.now }); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) create(t *testing.T, name string, scopes ...Scope) (string, Token) {
	t.Helper()
	secret, tok, err := f.Create(name, scopes, 0, "uid 0 (root)")
	if err != nil {
		t.Fatal(err)
	}
	return secret, tok
}

func TestOnlyAHashIsStored(t *testing.T) {
	f := newFixture(t)
	secret, tok := f.create(t, "ci", Operate)
	if !strings.HasPrefix(secret, "waddle_") || len(secret) != len("waddle_")+43 {
		t.Errorf("the secret has the form %d characters", len(secret))
	}
	if !tok.Expires.Equal(f.now.Add(90 * 24 * time.Hour)) {
		t.Errorf("it expires at %s", tok.Expires)
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte(secret[len("waddle_"):])) {
		t.Error("the secret is in the state file")
	}
	f.reopen(t)
	if h, err := f.Verify(secret); err != nil || h.ID != tok.ID {
		t.Errorf("after a restart: %v", err)
	}
}

func TestWhatIsNoValidTokenIsRefused(t *testing.T) {
	f := newFixture(t)
	secret, tok := f.create(t, "ci", Read)
	for name, s := range map[string]string{
		"nothing": "", "another prefix": "other_" + secret[7:], "one character less": secret[:len(secret)-1],
		"one character more": secret + "A", "the id": tok.ID, "another one": "waddle_" + strings.Repeat("A", 43),
	} {
		if _, err := f.Verify(s); err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), secret[7:20]) {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
}

func TestARevokedTokenIsDeadAtOnce(t *testing.T) {
	f := newFixture(t)
	secret, tok := f.create(t, "ci", Read)
	h, err := f.Verify(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Revoke(tok.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Alive.Done():
	default:
		t.Error("who holds it is still connected")
	}
	if _, err := f.Verify(secret); err == nil {
		t.Error("it is accepted")
	}
	f.reopen(t)
	if _, err := f.Verify(secret); err == nil {
		t.Error("it is accepted after a restart")
	}
	if err := f.Revoke(tok.ID); !problem.Is(err, problem.NotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestATokenExpires(t *testing.T) {
	f := newFixture(t)
	secret, tok := f.create(t, "ci", Read)
	f.now = tok.Expires.Add(-time.Second)
	if _, err := f.Verify(secret); err != nil {
		t.Error(err)
	}
	f.now = tok.Expires
	if _, err := f.Verify(secret); !errors.Is(err, ErrExpired) {
		t.Errorf("got %v", err)
	}
	if _, _, err := f.Create("ci", []Scope{Read}, 0, "x"); err != nil {
		t.Errorf("the expired token's name is not free: %v", err)
	}
	if n := len(f.List()); n != 1 {
		t.Errorf("%d tokens, the expired one should be forgotten", n)
	}
}

func TestBoundsOfATokensLife(t *testing.T) {
	f := newFixture(t)
	if _, _, err := f.Create("long", []Scope{Read}, LongestLifetime+time.Hour, "x"); !problem.Is(err, problem.InvalidRequest) {
		t.Errorf("more than a year: %v", err)
	}
	if _, _, err := f.Create("year", []Scope{Read}, LongestLifetime, "x"); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Create("year", []Scope{Read}, 0, "x"); !problem.Is(err, problem.Conflict) {
		t.Errorf("a name twice: %v", err)
	}
}

func TestTheLastUseIsWrittenOnceAMinute(t *testing.T) {
	f := newFixture(t)
	secret, _ := f.create(t, "ci", Read)
	for range 120 {
		if _, err := f.Verify(secret); err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(time.Second)
	}
	if n := f.db.writes["token-use"]; n != 2 {
		t.Errorf("written %d times in two minutes", n)
	}
	if used := f.List()[0].LastUsed; !used.Equal(f.now.Add(-time.Second)) {
		t.Errorf("last used %s, want %s", used, f.now.Add(-time.Second))
	}
}

func TestScopesIncludeEachOther(t *testing.T) {
	for _, c := range []struct {
		have []Scope
		need Scope
		want bool
	}{
		{[]Scope{Read}, Read, true}, {[]Scope{Read}, Operate, false}, {[]Scope{Operate}, Read, true},
		{[]Scope{Operate}, Admin, false}, {[]Scope{Admin}, Operate, true}, {[]Scope{Read, Admin}, Admin, true},
		{nil, Read, false}, {[]Scope{"root"}, Read, false}, {[]Scope{Admin}, "", false}, {[]Scope{Admin}, "root", false},
	} {
		if got := Covers(c.have, c.need); got != c.want {
			t.Errorf("Covers(%v, %q) = %v", c.have, c.need, got)
		}
	}
}

func TestFailuresAreCountedByAddressInBoundedMemory(t *testing.T) {
	now := time.Now()
	l := NewLimiter(10, func() time.Time { return now })
	bad := netip.MustParseAddr("198.51.100.7")
	for i := range 10 {
		if wait := l.Failed(bad); wait != 0 {
			t.Fatalf("failure %d has to wait %s", i+1, wait)
		}
	}
	if wait := l.Failed(bad); wait < time.Second || wait > 7*time.Second {
		t.Errorf("the eleventh failure has to wait %s", wait)
	}
	if l.Failed(netip.MustParseAddr("::ffff:198.51.100.7")) == 0 {
		t.Error("the same address in IPv6 clothes is another one")
	}
	if l.Failed(netip.MustParseAddr("198.51.100.8")) != 0 {
		t.Error("the neighbour has to wait")
	}
	now = now.Add(time.Minute)
	if l.Failed(bad) != 0 {
		t.Error("it has to wait after a minute")
	}
	for i := range 3 * maxSources {
		l.Failed(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(i >> 8), byte(i), 1}))
	}
	if n := len(l.sources); n > maxSources {
		t.Errorf("%d sources are kept, want %d at most", n, maxSources)
	}
}

func TestOneMachinesIPv6NetworkIsOneSource(t *testing.T) {
	now := time.Now()
	l := NewLimiter(3, func() time.Time { return now })
	waits := 0
	for i := range 10 {
		if l.Failed(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)})) > 0 {
			waits++
		}
	}
	if waits != 7 {
		t.Errorf("%d of ten had to wait, want 7", waits)
	}
}
