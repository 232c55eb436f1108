// Package token keeps the API's bearer tokens: made, listed, revoked, checked.
//
// Only the SHA-256 of a secret is ever stored; the secret is shown once, by
// Create. It owns the bucket "tokens" of the daemon's state file and touches
// nothing else on the host.
package token
