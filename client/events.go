package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// quiet is how long a stream may be silent before it is taken for dead. The
// server sends a heartbeat every 15 seconds.
const quiet = 45 * time.Second

// retries are the pauses before a broken stream is opened again.
var retries = []time.Duration{0, time.Second, 2 * time.Second, 5 * time.Second}

// OperationEvents yields the events of an operation from its first one to its
// last. A broken stream is opened again where it broke, for as long as ctx
// lives; an error is the last thing that is yielded.
func (c *Connection) OperationEvents(ctx context.Context, id OperationID) iter.Seq2[Event, error] {
	open := func(ctx context.Context, last *LastEventIDParam) (*http.Response, error) {
		return c.ClientInterface.StreamOperationEvents(ctx, id, &StreamOperationEventsParams{LastEventID: last})
	}
	start := uint64(0)
	return (&stream{open: open, last: &start, over: c.ended(id)}).events(ctx)
}

// Events yields all events after the one with the sequence number after, 0 for
// all that are kept; nil yields those that are still to come. It ends with ctx.
func (c *Connection) Events(ctx context.Context, after *uint64) iter.Seq2[Event, error] {
	open := func(ctx context.Context, last *LastEventIDParam) (*http.Response, error) {
		return c.ClientInterface.StreamEvents(ctx, &StreamEventsParams{LastEventID: last})
	}
	return (&stream{open: open, last: after}).events(ctx)
}

// ended tells the end of an operation's story from that of a stopping daemon.
func (c *Connection) ended(id OperationID) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		resp, err := c.GetOperationWithResponse(ctx, id)
		if err != nil {
			return false, err
		}
		return resp.JSON200.State.Final(), nil
	}
}

type stream struct {
	open func(context.Context, *LastEventIDParam) (*http.Response, error)
	over func(context.Context) (bool, error) // whether an end of the stream is the end of the story; nil means never
	last *uint64                             // the event that was seen last
}

var errStopped = errors.New("the caller has seen enough")

func (s *stream) events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for failures := 0; ; failures++ {
			before := s.last
			over, err := s.once(ctx, yield)
			if s.last != before {
				failures = 0
			}
			if over || errors.Is(err, errStopped) {
				return
			}
			if err == nil || isTransient(err) {
				err = sleep(ctx, retries[min(failures, len(retries)-1)])
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// once reads one connection to its end and reports whether the story is over.
func (s *stream) once(ctx context.Context, yield func(Event, error) bool) (over bool, err error) {
	if err := s.read(ctx, yield); err != nil || s.over == nil {
		return false, err
	}
	return s.over(ctx)
}

func (s *stream) read(ctx context.Context, yield func(Event, error) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := s.open(ctx, s.lastID())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	silence := time.AfterFunc(quiet, cancel)
	defer silence.Stop()
	err = readEvents(resp.Body, func() { silence.Reset(quiet) }, func(e Event) bool {
		s.last = &e.Seq
		return yield(e, nil)
	})
	if err != nil && !errors.Is(err, errStopped) && !errors.Is(err, errMalformed) {
		return &UnreachableError{Server: "its event stream", Err: err}
	}
	return err
}

func (s *stream) lastID() *LastEventIDParam {
	if s.last == nil {
		return nil
	}
	id := strconv.FormatUint(*s.last, 10)
	return &id
}

var errMalformed = errors.New("cannot read the event stream")

// readEvents parses Server-Sent Events as far as waddled uses them: one data
// line an event, comments as heartbeats.
func readEvents(r io.Reader, alive func(), emit func(Event) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 4<<20)
	for lines.Scan() {
		alive()
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		if !emit(e) {
			return errStopped
		}
	}
	return lines.Err()
}
