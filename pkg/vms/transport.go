package vms

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const answerLimit = 64 << 10 // of a refusal

// statusError is an answer that is not a success.
type statusError struct {
	status int
	text   string
	params map[string]string // what is wrong with which parameter
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.text) }

// transport adds the token, and turns refusals into errors with their text before
// the client library sees them: it keeps the text of some and takes others for
// successes. The token is in no error and in no log: it is added here, to a copy of
// the request.
type transport struct {
	o     Options
	trust *trust
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base, err := t.trust.transport()
	if err != nil {
		return nil, err
	}
	token, err := t.o.Token()
	if err != nil {
		return nil, fail(KindToken, err, "make one: waddled setup proxmox", "the API token cannot be read: %v", err)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "PVEAPIToken="+token.ID+"="+token.Secret)
	res, err := base.RoundTrip(req)
	if err != nil {
		if untrusted(err) { // the CA may have been renewed: read it again next time
			t.trust.forget()
		}
		return nil, err
	}
	t.o.Log.Debug("proxmox", "method", req.Method, "path", req.URL.Path, "status", res.StatusCode)
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, readRefusal(res)
}

func readRefusal(res *http.Response) error {
	e := &statusError{status: res.StatusCode}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, answerLimit)) // the status says enough without it
	var body struct {
		Message string            `json:"message"`
		Errors  map[string]string `json:"errors"`
	}
	if json.Unmarshal(raw, &body) == nil {
		e.text, e.params = strings.TrimSpace(body.Message), body.Errors
	}
	if e.text == "" { // older nodes have it in the reason phrase alone
		e.text = strings.TrimSpace(strings.TrimPrefix(res.Status, fmt.Sprint(res.StatusCode)))
	}
	return e
}
