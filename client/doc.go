// Package client calls the waddle API: over the unix socket on the host, or over
// TLS with a token.
//
// The methods and types are generated from the contract, api/openapi.yaml. Around
// them stands what every caller needs: where the server is and how to trust it,
// problems as Go errors, waiting for an operation, and event streams that resume.
// It touches nothing on the host but the files that Options names.
package client
