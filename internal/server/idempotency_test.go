package server

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/server/api"
)

func TestARetryGetsTheFirstAnswerAndRunsNothing(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	first := c.do("POST", "/v1/apply?wait=60s", `{"through":1}`, "Idempotency-Key: build-4711").want(200)
	again := c.do("POST", "/v1/apply?wait=60s", `{"through":1}`, "Idempotency-Key: build-4711").want(200)
	if !bytes.Equal(first.body, again.body) || first.header.Get("Location") != again.header.Get("Location") {
		t.Errorf("the answers differ:\n%s\n%s", first.body, again.body)
	}
	if first.header.Get(replayedHeader) != "" || again.header.Get(replayedHeader) != "true" {
		t.Errorf("%s is %q and then %q", replayedHeader, first.header.Get(replayedHeader), again.header.Get(replayedHeader))
	}
	if n := len(w.operations()); n != 1 {
		t.Errorf("%d operations were started", n)
	}
}

func (w *world) operations() []api.OperationSummary {
	w.t.Helper()
	var list api.OperationList
	w.root().do("GET", "/v1/operations?limit=200", "").want(200).decode(&list)
	return list.Operations
}

func TestOfRequestsAtOnceWithOneKeyOneRuns(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	const callers = 20
	answers := make([]*reply, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			r, err := c.try("POST", "/v1/apply?wait=60s", `{"through":1}`, "Idempotency-Key: at-once-1")
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = r
		})
	}
	wg.Wait()
	replayed := 0
	for _, r := range answers {
		r.want(200)
		if !bytes.Equal(r.body, answers[0].body) {
			t.Errorf("two answers differ:\n%s\n%s", r.body, answers[0].body)
		}
		if r.header.Get(replayedHeader) == "true" {
			replayed++
		}
	}
	if n := len(w.operations()); n != 1 || replayed != callers-1 {
		t.Errorf("%d operations were started, %d answers replayed, want 1 and %d", n, replayed, callers-1)
	}
}

func TestAKeyBelongsToItsCallerAndItsRequest(t *testing.T) {
	w := newWorld(t).withPlatform()
	one, _ := w.token("one", "operate")
	two, _ := w.token("two", "operate")
	first := w.with(one).do("POST", "/v1/apply?wait=60s", `{"through":1}`, "Idempotency-Key: same-key").want(200)
	other := w.with(two).do("POST", "/v1/apply?wait=60s", `{"through":1}`, "Idempotency-Key: same-key").want(200)
	if first.operation().ID == other.operation().ID {
		t.Error("two callers share a key")
	}
	for _, c := range []struct{ name, path, body string }{
		{"another body", "/v1/apply?wait=60s", `{"through":0}`},
		{"another path", "/v1/phases/1/run?wait=60s", `{"through":1}`},
		{"another query", "/v1/apply", `{"through":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := c.body
			if c.name == "another path" {
				body = "{}"
			}
			w.with(one).do("POST", c.path, body, "Idempotency-Key: same-key").problem(422, "idempotency_reused")
		})
	}
}

func TestARefusedRequestIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: early-bird").problem(404, "no_platform")
	w.withPlatform()
	r := w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: early-bird").want(200)
	if r.header.Get(replayedHeader) != "" {
		t.Error("the answer was replayed")
	}
}

func TestTheAnswerIsKeptOverARestart(t *testing.T) {
	w := newWorld(t).withPlatform()
	first := w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: restart-1").want(200)
	w.must(w.stop())
	w.start()
	again := w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: restart-1").want(200)
	if !bytes.Equal(first.body, again.body) || again.header.Get(replayedHeader) != "true" {
		t.Errorf("the answers differ:\n%s\n%s", first.body, again.body)
	}
}

// A caller that waits when the daemon is stopped gets its answer, and the same
// one again from the next daemon, instead of a second operation.
func TestAStopWhileACallerWaitsStartsNoSecondOperation(t *testing.T) {
	w := newWorld(t).withPlatform()
	release := w.holdBridge()
	defer release()
	got := make(chan *reply)
	go func() {
		r, err := w.root().try("POST", "/v1/phases/1/run?wait=5m", "", "Idempotency-Key: stopped-1")
		if err != nil {
			t.Error(err)
		}
		got <- r
	}()
	w.waitUntil("the operation runs", func() bool { return len(w.operations()) == 1 })
	w.server.drain()
	first := (<-got).want(202)
	again := w.root().do("POST", "/v1/phases/1/run?wait=5m", "", "Idempotency-Key: stopped-1").want(202)
	if first.operation().ID != again.operation().ID || again.header.Get("Location") != "/v1/operations/"+first.operation().ID {
		t.Errorf("the retry was answered with %s", again.body)
	}
}

func TestAnAnswerIsForgottenAfterADay(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	w := newWorld(t, func(o *Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	}).withPlatform()
	first := w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: yesterday").want(200)
	mu.Lock()
	now = now.Add(keptFor)
	mu.Unlock()
	again := w.root().do("POST", "/v1/apply?wait=60s", "", "Idempotency-Key: yesterday").want(200)
	if first.operation().ID == again.operation().ID {
		t.Error("the answer is still there after a day")
	}
}

func TestATokensSecretIsRepeatedFromMemoryAndNeverWritten(t *testing.T) {
	w := newWorld(t)
	const body = `{"name":"ci","scopes":["read"]}`
	first := w.root().do("POST", "/v1/tokens", body, "Idempotency-Key: token-once").want(201)
	again := w.root().do("POST", "/v1/tokens", body, "Idempotency-Key: token-once").want(201)
	if !bytes.Equal(first.body, again.body) {
		t.Error("the answers differ")
	}
	var made api.TokenCreated
	first.decode(&made)
	w.neverLogged(made.Secret)
	w.must(w.stop())
	raw, err := os.ReadFile(filepath.Join(w.dir, "state.db"))
	w.must(err)
	if bytes.Contains(raw, []byte(made.Secret)) || bytes.Contains(raw, []byte(made.Secret[len("waddle_"):])) {
		t.Error("the secret is in the state file")
	}
	w.start()
	w.with(made.Secret).do("GET", "/v1/version", "").want(200)
	w.root().do("POST", "/v1/tokens", body, "Idempotency-Key: token-once").problem(409, "conflict")
}
