// Package certs makes and keeps the daemon's own TLS certificates: one CA and
// one certificate for the API, signed by it.
//
// On the host it owns the files ca.crt, ca.key, server.crt and server.key of the
// directory that it is given. The directory is 0700, keys are 0600; ca.crt is
// copied to callers, who trust it.
package certs
