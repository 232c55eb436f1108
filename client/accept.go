package client

import (
	"context"
	"net/http"
)

// AcceptJSON is a request editor for GetPlatformWithResponse: the document as
// JSON with all defaults filled in, instead of the YAML that was written.
func AcceptJSON(_ context.Context, req *http.Request) error {
	req.Header.Set("Accept", "application/json")
	return nil
}
