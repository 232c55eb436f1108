package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// closeGrace is how long Close waits for steps to notice that their context
// has ended.
const closeGrace = 2 * time.Second

// Engine plans steps and runs them. It is safe for use by several goroutines.
type Engine struct {
	o       Options
	log     *slog.Logger
	journal *journal
	drift   *driftBook

	ctx  context.Context // of the running operations
	stop context.CancelFunc

	mu      sync.Mutex
	closing bool
	running map[string]*runner // by operation
	holders map[string]string  // area → operation
	turns   map[string]uint64  // area → how often an operation took it
	ended   chan struct{}      // closed when an operation lets go of its areas
	work    sync.WaitGroup
}

// New returns an engine on an open state file. It starts nothing: call Resume
// before the first Start.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Engine{
		o: o, log: o.Log, journal: newJournal(o.State), drift: newDriftBook(),
		ctx: ctx, stop: stop,
		running: map[string]*runner{}, holders: map[string]string{}, turns: map[string]uint64{},
		ended: make(chan struct{}),
	}, nil
}

// Close refuses new operations and lets the running steps end. When ctx ends
// first, the contexts of those steps end; what they leave is taken up by Resume.
// The state file stays open.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	defer e.stop()
	idle := make(chan struct{})
	go func() { e.work.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	e.stop()
	select {
	case <-idle:
		return nil
	case <-time.After(closeGrace):
		return fmt.Errorf("cannot wait for the running step any longer, the next start takes it up: %w", ctx.Err())
	}
}

func (e *Engine) isClosing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closing
}

// graph asks Source and brings what it returns into order.
func (e *Engine) graph(ctx context.Context) (*Graph, error) {
	g, err := e.o.Source(ctx)
	if err != nil {
		return nil, err
	}
	if g.index == nil {
		return NewGraph(g.Revision, g.Steps)
	}
	return g, nil
}

// Publish tells those who follow the events of something that happened outside
// an operation, e.g. a new platform document. The event is kept like any other.
func (e *Engine) Publish(ev Event) {
	err := e.journal.write("event", func(c *change) error { return c.events(ev) })
	if err != nil {
		e.log.Error("cannot keep an event", "type", ev.Type, "message", ev.Message, "error", err)
	}
}
