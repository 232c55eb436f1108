package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/platform/platformfile"
	"github.com/waddle-social/waddle/internal/server/contract"
	"github.com/waddle-social/waddle/internal/server/listen"
	"github.com/waddle-social/waddle/internal/state"
)

// FuzzRequest sends arbitrary requests as root: none may panic or be answered
// with 500, and each answer has to be as the contract says.
func FuzzRequest(f *testing.F) {
	h, c := fuzzServer(f)
	for _, op := range c.Operations() {
		path := strings.NewReplacer("{phase}", "1", "{id}", "op-00000001", "{step}", "teleport.vm", "{volume}", "db", "{snapshot}", "daily").Replace(op.Path)
		f.Add(op.Method, path, "Idempotency-Key: build-4711\nAccept: application/json", "{}")
		f.Add(op.Method, path+"?wait=1s&through=1&phase=0&step=x&state=done&limit=2&force=true", "If-Match: \"x\"\nLast-Event-ID: 7", "kind: Platform\n")
	}
	f.Add("POST", "/v1/tokens", "", `{"name":"ci","scopes":["read"],"expiresInDays":1}`)
	f.Add("POST", "/v1/apply?wait=9m", "Content-Type: application/json; charset=utf-8", `{"through":null}`)
	f.Add("PUT", "/v1/platform", "Content-Type: application/yaml", string(example(f)))
	f.Add("POST", "/v1/storage/volumes", "", `{"name":"db","sizeBytes":16384}`)
	f.Add("DELETE", "/v1/storage/volumes/db?confirm=db&force=true&unclaimed=true&snapshots=true", "", "")
	f.Add("POST", "/v1/storage/volumes/a%2F..%2Fb/move", "Idempotency-Key: move", "")
	f.Add("POST", "/v1/storage/volumes/a%2F..%2Fb/rollback", "", `{"snapshot":"x@%","confirm":"a/../b"}`)
	f.Add("GET", "/v1/phases/%2e%2e/undo", "Waddle-SSH-Connection: a b c d", "")
	f.Add("GET", "/v1/operations/%00", "Accept: ;;,*/*", "\x00")
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		r, err := http.NewRequest(method, "http://waddled", strings.NewReader(body))
		if err != nil {
			t.Skip("no method")
		}
		u, err := r.URL.Parse(target)
		if err != nil || u.Host != "waddled" || !strings.HasPrefix(u.Path, "/") {
			t.Skip("no path")
		}
		r.URL, r.RequestURI, r.RemoteAddr = u, u.RequestURI(), "@"
		r.Header.Set("Content-Type", contentTypeOf(body))
		for _, line := range strings.Split(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), peerKey{}, peerOrError{Peer: listen.Peer{}}), 50*time.Millisecond)
		defer cancel() // an event stream would not end
		sent := r.Clone(ctx)
		rec := httptest.NewRecorder()
		hung := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("%s %q %q hangs", method, target, headers)) })
		h.ServeHTTP(&deadlineRecorder{rec}, r.WithContext(ctx))
		hung.Stop()
		if rec.Code == http.StatusInternalServerError {
			t.Fatalf("%s %s: %s", method, target, rec.Body)
		}
		call, err := c.Find(sent)
		if err != nil {
			return
		}
		sent.Body = io.NopCloser(strings.NewReader(body))
		if err := call.CheckResponse(ctx, sent, rec.Code, rec.Header(), rec.Body.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func contentTypeOf(body string) string {
	if strings.HasPrefix(body, "{") {
		return "application/json"
	}
	return "application/yaml"
}

// fuzzServer is a server on a real engine without any step.
func fuzzServer(f *testing.F) (http.Handler, *contract.Contract) {
	f.Helper()
	dir := f.TempDir()
	db, err := state.Open(filepath.Join(dir, "state.db"), state.Options{})
	if err != nil {
		f.Fatal(err)
	}
	store := &platformfile.Store{Path: filepath.Join(dir, "platform.yaml")}
	e, err := engine.New(engine.Options{State: db, Source: func(context.Context) (*engine.Graph, error) {
		_, _, revision, err := store.Read()
		if err != nil {
			return nil, err
		}
		return engine.NewGraph(revision, nil)
	}})
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(Options{
		Engine: e, Platform: store, Network: fakeNetwork{}, Host: fakeHost{}, Storage: newFakeStorage(), RootPassword: fakePassword{&world{}}, Machines: &fakeMachines{store: store}, Preflight: fakePreflight{}, Export: fakeExport, State: db,
		Firewall: firewallOn(f, dir, &fakeRules{}, store, firewall.Options{
			Missing: func(context.Context) ([]string, error) { return nil, nil }, Publish: e.Publish, Changed: func() {},
		}),
		Phases: []Phase{{0, "a"}, {1, "b"}}, TLSDir: filepath.Join(dir, "tls"),
		PlatformSchema: func() ([]byte, error) { return []byte("{}"), nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			f.Error(err)
		}
		if err := db.Close(); err != nil {
			f.Error(err)
		}
	})
	c, err := contract.Load()
	if err != nil {
		f.Fatal(err)
	}
	return s.Handler(), c
}
