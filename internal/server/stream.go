package server

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
)

const (
	heartbeatEvery = 15 * time.Second
	// streamWrite is how long a slow reader may hold up one event. It goes on
	// with Last-Event-ID when it comes back.
	streamWrite = 30 * time.Second
)

// stream is an answer of Server-Sent Events.
type stream struct {
	ctx    context.Context
	events iter.Seq2[engine.Event, error]
	open   interface {
		Inc()
		Dec()
	}
	heartbeat time.Duration
}

// VisitStreamEventsResponse writes the stream.
func (s stream) VisitStreamEventsResponse(w http.ResponseWriter) error { return s.write(w) }

// VisitStreamOperationEventsResponse writes the stream.
func (s stream) VisitStreamOperationEventsResponse(w http.ResponseWriter) error { return s.write(w) }

// write never returns an error: the answer has begun, and a caller who is gone
// cannot be told.
func (s stream) write(w http.ResponseWriter) error {
	s.open.Inc()
	defer s.open.Dec()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	out := &sse{w: w, rc: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	if out.send(": waddled\n\n") != nil {
		return nil
	}
	news := pump(ctx, s.events)
	defer func() { cancel(); drain(news) }()
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case ev, more := <-news:
			if !more {
				return nil
			}
			err = out.event(ev)
			beat.Reset(s.heartbeat)
		case <-beat.C:
			err = out.send(": heartbeat\n\n")
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return nil
		}
	}
}

// pump carries events into a channel, which it closes at the end.
func pump(ctx context.Context, events iter.Seq2[engine.Event, error]) <-chan engine.Event {
	news := make(chan engine.Event)
	go func() {
		defer close(news)
		for ev, err := range events {
			if err != nil {
				return
			}
			select {
			case news <- ev:
			case <-ctx.Done():
				return
			}
		}
	}()
	return news
}

// drain waits for the pump to end.
func drain(news <-chan engine.Event) {
	for range news { //nolint:revive // nothing is to be done with what is left
	}
}

// sse writes the wire format of the HTML standard.
type sse struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (o *sse) event(ev engine.Event) error {
	data, err := json.Marshal(eventOf(ev))
	if err != nil {
		return err
	}
	return o.send(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", ev.Seq, ev.Type, data))
}

func (o *sse) send(text string) error {
	if err := o.rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := o.w.Write([]byte(text)); err != nil {
		return err
	}
	return o.rc.Flush()
}
