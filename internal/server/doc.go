// Package server is the HTTP API: it authenticates the caller, checks the request
// against the contract (api/openapi.yaml), and maps it to a call of the engine, the
// platform store or a driver. No handler holds logic of its own.
//
// On the host it owns the unix socket, the port on the internal address, and the
// directory with the API's certificates (see the packages listen and certs); in the
// state file, tokens and the answers that belong to idempotency keys.
package server
