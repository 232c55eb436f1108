// Package api holds the contract of the HTTP API, openapi.yaml, and the lines
// that generate the server's interface and the client from it.
//
// It touches nothing on the host.
package api

import _ "embed"

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config server.gen.config.yaml openapi.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config client.gen.config.yaml openapi.yaml

// OpenAPI is the contract, in YAML. The server validates against these bytes
// and serves them as /openapi.json.
//
//go:embed openapi.yaml
var OpenAPI []byte
