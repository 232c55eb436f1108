package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/state"
)

// useEvery is how often, at most, the last use of a token is written.
const useEvery = time.Minute

const bucket = state.Bucket[stored]("tokens")

// State is the part of the state file that the store needs.
type State interface {
	Update(op string, fn func(tx *bbolt.Tx) error) error
	View(fn func(tx *bbolt.Tx) error) error
}

// Store keeps the tokens. It is safe for use by several goroutines.
type Store struct {
	state State
	now   func() time.Time

	mu     sync.Mutex
	tokens map[string]*entry // by id
}

type entry struct {
	stored
	hash    [sha256.Size]byte
	written time.Time // last use, as the file has it
	alive   context.Context
	kill    context.CancelCauseFunc
}

// What ends a token's life.
var (
	ErrRevoked = errors.New("the token was revoked")
	ErrExpired = errors.New("the token has expired")
)

// Open reads the tokens from the state file. now is the clock; nil is the
// system's.
func Open(s State, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	store := &Store{state: s, now: now, tokens: map[string]*entry{}}
	err := s.View(func(tx *bbolt.Tx) error {
		return bucket.Each(tx, nil, func(_ []byte, t stored) (bool, error) { return true, store.add(t) })
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the tokens: %w", err)
	}
	return store, nil
}

func (s *Store) add(t stored) error {
	raw, err := hex.DecodeString(t.Hash)
	if err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("token %s has no valid hash", t.ID)
	}
	e := &entry{stored: t, hash: [sha256.Size]byte(raw), written: t.LastUsed}
	e.alive, e.kill = context.WithCancelCause(context.Background())
	s.tokens[t.ID] = e
	return nil
}

// Create makes a token and returns its secret, which is nowhere else. The name
// of a living token is a Conflict problem; that of an expired one is free.
func (s *Store) Create(name string, scopes []Scope, lifetime time.Duration, by string) (secret string, t Token, err error) {
	if lifetime <= 0 {
		lifetime = DefaultLifetime
	}
	if lifetime > LongestLifetime {
		return "", t, problem.New(problem.InvalidRequest, "ask for 365 days or less", "cannot make token %s: a token lives for a year at most", name)
	}
	secret, err = newSecret()
	if err != nil {
		return "", t, err
	}
	id, err := newID()
	if err != nil {
		return "", t, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC().Truncate(time.Second)
	if err := s.freeName(name, now); err != nil {
		return "", t, err
	}
	hash, _ := hashOf(secret)
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	t = Token{ID: id, Name: name, Scopes: scopes, Created: now, CreatedBy: by, Expires: now.Add(lifetime)}
	kept := stored{Token: t, Hash: hex.EncodeToString(hash[:])}
	if err := s.put("token-create", kept); err != nil {
		return "", t, err
	}
	return secret, t, s.add(kept)
}

// freeName refuses a living token's name and forgets expired tokens that had it.
func (s *Store) freeName(name string, now time.Time) error {
	for id, e := range s.tokens {
		if e.Name != name {
			continue
		}
		if now.Before(e.Expires) {
			p := problem.New(problem.Conflict, "revoke that one first, or take another name", "cannot make token %s: token %s has that name", name, id)
			p.Others = []string{id}
			return p
		}
		if err := s.remove(e, ErrExpired); err != nil {
			return err
		}
	}
	return nil
}

// Revoke ends a token at once; whoever is connected with it is cut off.
func (s *Store) Revoke(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.tokens[id]
	if !ok {
		return problem.New(problem.NotFound, "list them with: waddle token ls", "there is no token %q", id)
	}
	return s.remove(e, ErrRevoked)
}

func (s *Store) remove(e *entry, why error) error {
	err := s.state.Update("token-revoke", func(tx *bbolt.Tx) error { return bucket.Delete(tx, []byte(e.ID)) })
	if err != nil {
		return err
	}
	delete(s.tokens, e.ID)
	e.kill(why)
	return nil
}

// List returns the tokens by name, expired ones too.
func (s *Store) List() []Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Token, 0, len(s.tokens))
	for _, e := range s.tokens {
		all = append(all, e.Token)
	}
	slices.SortFunc(all, func(a, b Token) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return all
}

// Verify returns who holds the secret. An error is ErrExpired or says that it
// is unknown; it never holds the secret.
func (s *Store) Verify(secret string) (*Holder, error) {
	hash, ok := hashOf(secret)
	if !ok {
		return nil, errUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(hash)
	if e == nil {
		return nil, errUnknown
	}
	now := s.now().UTC()
	if !now.Before(e.Expires) {
		e.kill(ErrExpired)
		return nil, ErrExpired
	}
	e.LastUsed = now.Truncate(time.Second)
	if now.Sub(e.written) >= useEvery {
		// A use that cannot be noted is no reason to keep the holder out.
		if s.put("token-use", e.stored) == nil {
			e.written = now
		}
	}
	return &Holder{Token: e.Token, Alive: e.alive}, nil
}

var errUnknown = errors.New("the token is not known")

// find compares with every token in constant time, so that how long it takes
// says nothing about how much of a hash was right.
func (s *Store) find(hash [sha256.Size]byte) (found *entry) {
	for _, e := range s.tokens {
		if subtle.ConstantTimeCompare(e.hash[:], hash[:]) == 1 {
			found = e
		}
	}
	return found
}

func (s *Store) put(op string, t stored) error {
	return s.state.Update(op, func(tx *bbolt.Tx) error { return bucket.Put(tx, []byte(t.ID), t) })
}
