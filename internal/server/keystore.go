package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/token"
	"github.com/waddle-social/waddle/internal/state"
)

// keptFor is how long an answer is kept for its key.
const keptFor = 24 * time.Hour

const keyBucket = state.Bucket[answer]("idempotency")

// answer is a given answer as the state file keeps it.
type answer struct {
	Hash   string            `json:"hash"` // of the request
	At     time.Time         `json:"at"`
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
	// Secret answers stay in memory: a token's secret is never written down.
	Secret bool `json:"-"`
}

// keyStore keeps the answers that belong to idempotency keys.
type keyStore struct {
	state token.State
	now   func() time.Time

	mu      sync.Mutex
	running map[string]chan struct{} // by key; closed when the request has its answer
	secret  map[string]answer
}

func newKeyStore(s token.State, now func() time.Time) *keyStore {
	return &keyStore{state: s, now: now, running: map[string]chan struct{}{}, secret: map[string]answer{}}
}

// claim returns the answer that the key has, or makes the caller the one who
// finds it; then release has to be called. While another request with the key
// runs, claim waits for that one.
func (k *keyStore) claim(ctx context.Context, id, hash string) (*answer, func(), error) {
	for {
		k.mu.Lock()
		other, busy := k.running[id]
		if !busy {
			break
		}
		k.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, nil, problem.Wrap(problem.Unavailable, ctx.Err(), "try again with the same key", "the first request with this key has no answer yet")
		}
	}
	defer k.mu.Unlock()
	found, err := k.find(id)
	if err != nil {
		return nil, nil, err
	}
	if found != nil && found.Hash != hash {
		return nil, nil, problem.New(problem.IdempotencyReused, "take a new key for a new request",
			"cannot take the request: its %s was used for another request", keyHeader)
	}
	if found != nil {
		return found, nil, nil
	}
	done := make(chan struct{})
	k.running[id] = done
	return nil, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.running, id)
		close(done)
	}, nil
}

func (k *keyStore) find(id string) (*answer, error) {
	a, found := k.secret[id]
	if !found {
		err := k.state.View(func(tx *bbolt.Tx) (err error) {
			a, found, err = keyBucket.Get(tx, []byte(id))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("cannot look for the idempotency key: %w", err)
		}
	}
	if !found || k.old(a) {
		return nil, nil
	}
	return &a, nil
}

func (k *keyStore) old(a answer) bool { return k.now().Sub(a.At) >= keptFor }

// keep stores the answer and forgets those that are too old.
func (k *keyStore) keep(id string, a answer) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	a.At = k.now().UTC()
	if a.Secret {
		for other, b := range k.secret {
			if k.old(b) {
				delete(k.secret, other)
			}
		}
		k.secret[id] = a
		return nil
	}
	return k.state.Update("idempotency", func(tx *bbolt.Tx) error {
		var dead [][]byte
		err := keyBucket.Each(tx, nil, func(key []byte, b answer) (bool, error) {
			if k.old(b) {
				dead = append(dead, append([]byte(nil), key...))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		for _, key := range dead {
			if err := keyBucket.Delete(tx, key); err != nil {
				return err
			}
		}
		return keyBucket.Put(tx, []byte(id), a)
	})
}
