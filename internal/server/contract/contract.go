// Package contract is the API's contract as the server and its tests use it:
// which operation a request is for, what it needs, and whether a request or a
// response is as the contract says. It touches nothing on the host.
package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/waddle-social/waddle/api"
)

// Contract is the parsed api/openapi.yaml.
type Contract struct {
	doc    *openapi3.T
	router routers.Router
}

// Load returns the contract in api/openapi.yaml, which nobody changes: it is part of
// the program, so it is parsed once, and the tests say that it is valid. To do both at
// each call took most of a daemon's start.
func Load() (*Contract, error) { return loaded() }

var loaded = sync.OnceValues(func() (*Contract, error) { return parse(api.OpenAPI) })

// Parse parses and checks an OpenAPI document.
func Parse(data []byte) (*Contract, error) {
	c, err := parse(data)
	if err != nil {
		return nil, err
	}
	if err := c.doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("the contract is not valid OpenAPI: %w", err)
	}
	return c, nil
}

func parse(data []byte) (*Contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the contract: %w", err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("cannot use the contract's paths: %w", err)
	}
	return &Contract{doc: doc, router: router}, nil
}

// JSON returns the contract as JSON.
func (c *Contract) JSON() ([]byte, error) { return c.doc.MarshalJSON() }

// Version is the contract's own version.
func (c *Contract) Version() string { return c.doc.Info.Version }

// Call is a request and the operation that it is for.
type Call struct {
	Operation string // operationId
	Scope     string // what it needs; empty when it is for everybody
	route     *routers.Route
	params    map[string]string
}

// What Find cannot find.
var (
	ErrNoPath   = errors.New("there is no such path")
	ErrNoMethod = errors.New("the path does not have this method")
)

// Find returns the operation that r is for, or ErrNoPath or ErrNoMethod.
func (c *Contract) Find(r *http.Request) (*Call, error) {
	route, params, err := c.router.FindRoute(r)
	switch {
	case errors.Is(err, routers.ErrMethodNotAllowed):
		return nil, ErrNoMethod
	case err != nil:
		return nil, ErrNoPath
	}
	scope, err := scopeOf(route.Operation)
	if err != nil {
		return nil, fmt.Errorf("operation %s: %w", route.Operation.OperationID, err)
	}
	return &Call{Operation: route.Operation.OperationID, Scope: scope, route: route, params: params}, nil
}

// scopeOf reads what an operation declares. One that declares nothing is a
// mistake in the contract, not an open door.
func scopeOf(op *openapi3.Operation) (string, error) {
	if op.Security == nil {
		return "", errors.New("declares no security")
	}
	if len(*op.Security) == 0 {
		return "", nil
	}
	scopes := (*op.Security)[0]["bearer"]
	if len(*op.Security) != 1 || len(scopes) != 1 {
		return "", errors.New("declares something else than one bearer scope")
	}
	return scopes[0], nil
}
