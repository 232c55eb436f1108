package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scope is what a token may do. Each scope includes those before it.
type Scope string

// The scopes.
const (
	Read    Scope = "read"
	Operate Scope = "operate"
	Admin   Scope = "admin"
)

var order = []Scope{Read, Operate, Admin}

// Covers reports whether one of have includes need. An unknown scope is
// included by none.
func Covers(have []Scope, need Scope) bool {
	at := slices.Index(order, need)
	return at >= 0 && slices.ContainsFunc(have, func(s Scope) bool { return slices.Index(order, s) >= at })
}

// Lifetimes of a token (issue: expiry).
const (
	DefaultLifetime = 90 * 24 * time.Hour
	LongestLifetime = 365 * 24 * time.Hour
)

// prefix lets secret scanners find a token that got where it should not be.
const prefix = "waddle_"

const secretBytes = 32

// Token is a token as everybody may see it.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Scopes    []Scope   `json:"scopes"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"createdBy"`
	Expires   time.Time `json:"expires"`
	LastUsed  time.Time `json:"lastUsed,omitzero"`
}

// stored is a token as it stands in the state file.
type stored struct {
	Token
	Hash string `json:"hash"` // SHA-256 of the whole secret, hex
}

// Holder is a caller who has shown a valid token.
type Holder struct {
	Token
	// Alive ends at the moment when the token is revoked or expires.
	Alive context.Context
}

func newSecret() (string, error) {
	raw := make([]byte, secretBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("cannot make a secret: %w", err)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

func newID() (string, error) {
	raw := make([]byte, 8)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("cannot make an id: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// hashOf returns the hash under which a secret is known; ok is false for
// something that cannot be one.
func hashOf(secret string) (hash [sha256.Size]byte, ok bool) {
	if !strings.HasPrefix(secret, prefix) || len(secret) != len(prefix)+base64.RawURLEncoding.EncodedLen(secretBytes) {
		return hash, false
	}
	return sha256.Sum256([]byte(secret)), true
}
