package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	mostAnswer  = 64 << 20 // bytes of an answer that are read
	mostRefusal = 64 << 10 // and of a refusal
)

// transport adds the token, and makes errors of refusals before go-proxmox sees them: it drops the text of a 403
// and a 500, and takes others for successes. The token is in no error and in no log: it is put into a copy of
// the request.
type transport struct {
	o    Options
	base string // the path of the API
	next http.RoundTripper
}

// noToken is what Options.Token failed with.
type noToken struct{ error }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := t.o.Token()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &noToken{err}
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "PVEAPIToken="+token)
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	t.o.Log.Debug("proxmox", "method", req.Method, "path", req.URL.Path, "status", res.StatusCode)
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, refusal(req.Method, strings.TrimPrefix(req.URL.EscapedPath(), t.base), res)
	}
	res.Body = answer{io.LimitReader(res.Body, mostAnswer), res.Body}
	return res, nil
}

type answer struct {
	io.Reader
	io.Closer
}

// refusal reads an answer that is no success. Older nodes say it in the reason phrase only.
func refusal(method, path string, res *http.Response) error {
	e := &Error{Method: method, Path: path, Status: res.StatusCode}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, mostRefusal)) // the status says enough without it
	var body struct {
		Message string
		Errors  map[string]string
	}
	if json.Unmarshal(raw, &body) == nil {
		e.Message, e.Params = strings.TrimSpace(body.Message), body.Errors
	}
	if e.Message == "" {
		e.Message = strings.TrimSpace(strings.TrimPrefix(res.Status, fmt.Sprint(res.StatusCode)))
	}
	return e
}

func basePath(api string) string {
	u, err := url.Parse(api)
	if err != nil { // the first request says it
		return ""
	}
	return u.EscapedPath()
}
