package server

import (
	"bufio"
	"context"
	"encoding/json"
	"iter"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
)

// events reads a stream to its end.
func (c *client) events(path string, headers ...string) (events []api.Event, comments int) {
	c.w.t.Helper()
	resp, err := c.send(context.Background(), "GET", path, "", headers...)
	c.w.must(err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), ":") {
			comments++
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e api.Event
		c.w.must(json.Unmarshal([]byte(data), &e))
		events = append(events, e)
	}
	c.w.must(lines.Err())
	return events, comments
}

func TestAnOperationsStreamHasItsWholeStoryAndThenEnds(t *testing.T) {
	w := newWorld(t).withPlatform()
	op := w.root().do("POST", "/v1/apply", `{"through":1}`).want(202).operation()
	events, _ := w.root().events("/v1/operations/" + op.ID + "/events")
	if len(events) < 6 {
		t.Fatalf("the story has only %d events: %+v", len(events), events)
	}
	first, last := events[0], events[len(events)-1]
	if first.Type != "operation" || first.State != "running" || last.Type != "operation" || last.State != "done" {
		t.Errorf("the story goes from %+v to %+v", first, last)
	}
	for i, e := range events {
		if e.Operation != op.ID || i > 0 && e.Seq <= events[i-1].Seq {
			t.Errorf("event %d is out of place: %+v", i, e)
		}
	}
}

func TestAStreamGoesOnAfterTheLastEventThatWasSeen(t *testing.T) {
	w := newWorld(t).withPlatform()
	op := w.root().do("POST", "/v1/apply?wait=60s", `{"through":1}`).want(200).operation()
	path := "/v1/operations/" + op.ID + "/events"
	all, _ := w.root().events(path)
	for i := range all {
		rest, _ := w.root().events(path, "Last-Event-ID: "+jsonNumber(all[i].Seq))
		if len(rest) != len(all)-i-1 || len(rest) > 0 && rest[0].Seq != all[i+1].Seq {
			t.Fatalf("after event %d of %d come %d", i+1, len(all), len(rest))
		}
	}
	w.must(w.stop())
	w.start()
	if rest, _ := w.root().events(path, "Last-Event-ID: "+jsonNumber(all[2].Seq)); len(rest) != len(all)-3 {
		t.Errorf("after a restart %d events come, want %d", len(rest), len(all)-3)
	}
}

func jsonNumber(n uint64) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

func TestTheStreamOfAllBeginsWithWhatIsStillToCome(t *testing.T) {
	w := newWorld(t).withPlatform()
	w.root().do("POST", "/v1/apply?wait=60s", `{"through":0}`).want(200)
	resp, err := w.root().send(context.Background(), "GET", "/v1/events", "")
	w.must(err)
	defer resp.Body.Close()
	w.root().do("PUT", "/v1/platform", string(example(t))+"# new\n", "If-Match: *").want(200)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var e api.Event
			w.must(json.Unmarshal([]byte(data), &e))
			if e.Type != EventPlatform || !strings.Contains(e.Message, "uid 0 (root)") {
				t.Errorf("the first event is %+v", e)
			}
			return
		}
	}
	t.Fatal("the stream ended")
}

// A stop waits for what runs, and says so when it did in vain.
func TestAStoppingServerEndsItsStreams(t *testing.T) {
	w := newWorld(t)
	resp, err := w.root().send(context.Background(), "GET", "/v1/events", "")
	w.must(err)
	defer resp.Body.Close()
	w.must(w.stop())
}

// A stream outlives the timeouts of ordinary requests.
func TestAWaitingRequestAndAStreamOutliveTheRequestTimeout(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Limits.RequestTimeout = 200 * time.Millisecond }).withPlatform()
	release := w.holdBridge()
	time.AfterFunc(700*time.Millisecond, release)
	op := w.root().do("POST", "/v1/apply?wait=60s", `{"through":1}`).want(200).operation()
	if op.State != "done" {
		t.Errorf("the operation is %s", op.State)
	}
	if took := op.Ended.Sub(op.Created); took < 500*time.Millisecond {
		t.Errorf("the operation took only %s, the test proves nothing", took)
	}
}

func TestAQuietStreamHasAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 65*time.Second)
		defer cancel()
		quiet := iter.Seq2[engine.Event, error](func(func(engine.Event, error) bool) { <-ctx.Done() })
		rec := &deadlineRecorder{httptest.NewRecorder()}
		s := stream{ctx: ctx, events: quiet, open: prometheus.NewGauge(prometheus.GaugeOpts{}), heartbeat: heartbeatEvery}
		if err := s.VisitStreamEventsResponse(rec); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(rec.Body.String(), ": heartbeat\n\n"); n != 4 {
			t.Errorf("%d heartbeats in 65 s, want 4:\n%s", n, rec.Body)
		}
	})
}

// deadlineRecorder takes write deadlines, as a connection does.
type deadlineRecorder struct{ *httptest.ResponseRecorder }

func (deadlineRecorder) SetWriteDeadline(time.Time) error { return nil }
