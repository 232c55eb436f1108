package contracttest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// canned answers every request alike.
type canned struct {
	status      int
	media, body string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {c.media}}
	return &http.Response{StatusCode: c.status, Header: h, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

const (
	jsonType = "application/json"
	problem  = "application/problem+json"
	stream   = "text/event-stream"
)

func TestExchangesThatBreakTheContractAreSeen(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		answer                   canned
		fault                    string // a part of it; empty when all is well
	}{
		{"as the contract says", "GET", "/healthz", "", canned{200, jsonType, `{"status":"ok"}`}, ""},
		{"a wrong value", "GET", "/healthz", "", canned{200, jsonType, `{"status":"fine"}`}, "not as the contract says"},
		{"a property is missing", "GET", "/v1/version", "", canned{200, jsonType, `{"version":"1"}`}, "not as the contract says"},
		{"another content type", "GET", "/healthz", "", canned{200, "text/html", "ok"}, "not as the contract says"},
		{"a status that is not documented", "GET", "/healthz", "", canned{404, problem, "{}"}, "does not list"},
		{"a success for a request that is wrong", "GET", "/healthz?x=1", "", canned{200, jsonType, `{"status":"ok"}`}, "to a request that is not"},
		{"a header is missing", "GET", "/v1/platform", "", canned{200, "application/yaml", "kind: Platform\n"}, "ETag"},
		{"an error that is no problem", "GET", "/v1/version", "", canned{403, jsonType, `{}`}, "not as the contract says"},
		{"an unknown path that is answered", "GET", "/v2", "", canned{200, jsonType, "{}"}, "not in the contract"},
		{"an event that is none", "GET", "/v1/events", "", canned{200, stream, "id: 1\ndata: {\"seq\":1}\n\n"}, "event"},
		{"a field that event streams do not have", "GET", "/v1/events", "", canned{200, stream, "date: {}\n\n"}, "no field"},
		{"a good event", "GET", "/v1/events", "", canned{200, stream, ": hi\n\nid: 1\nevent: step\ndata: {\"seq\":1,\"time\":\"2026-11-24T06:00:00Z\",\"type\":\"step\"}\n\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recorder(t)
			req, err := http.NewRequest(c.method, "http://waddled"+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := r.Transport(c.answer).RoundTrip(req); err == nil {
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			if err := r.Err(); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.fault == "") || !strings.Contains(got, c.fault) {
				t.Errorf("the fault is %q, want %q", got, c.fault)
			}
		})
	}
}

func recorder(t *testing.T) *Recorder {
	t.Helper()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMissingShrinksWithWhatIsSeen(t *testing.T) {
	r := recorder(t)
	before := r.Missing()
	if !slices.Contains(before, "getHealth 200") || slices.Contains(before, "getHealth default") {
		t.Errorf("missing at first: %v", before)
	}
	req, _ := http.NewRequest("GET", "http://waddled/healthz", nil)
	if _, err := r.Transport(canned{200, jsonType, `{"status":"ok"}`}).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if after := r.Missing(); len(after) != len(before)-1 || slices.Contains(after, "getHealth 200") {
		t.Errorf("missing: %d, then %d", len(before), len(after))
	}
}
