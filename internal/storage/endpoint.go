package storage

import "time"

// Endpoint is the confined SSH endpoint that democratic-csi talks to.
type Endpoint struct {
	Address   string // where it listens, or would
	Serving   bool
	Since     time.Time // of serving
	Reason    string    // why it does not serve; empty when it does
	User      string
	HostKey   string // fingerprint, SHA256:…
	ClientKey string // fingerprint of the key that may log in
	of        identity
}
