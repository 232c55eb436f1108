package firewall

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// EventFirewall is the type of the events that a change of the profile sends.
const EventFirewall = "firewall"

// Kernel looks at the rules that are loaded; netfw.Driver does.
type Kernel interface {
	Seen(ctx context.Context) (netfw.Seen, error)
	CompareRules(ctx context.Context, set netfw.RuleSet) ([]netfw.Difference, error)
	LoadRules(ctx context.Context, set netfw.RuleSet) error
}

// Options is what a Service works with. All but Log and Reported are needed.
type Options struct {
	Truth  *confirm.Firewall
	Kernel Kernel
	// Platform reads the document: NoPlatform or InvalidPlatform without one.
	Platform func() (*platform.Platform, error)
	// Missing are the steps that have to be done before a lockdown and are not.
	Missing func(ctx context.Context) ([]string, error)
	// Reported tells whether the reconciler knows of a difference in the rules
	// that it has not put right. Nil means never.
	Reported func() bool
	Publish  func(engine.Event)
	Changed  func() // called after each change of the profile, to look for drift
	Log      *slog.Logger
}

// Service is safe for several goroutines at once.
type Service struct {
	o Options

	mu   sync.Mutex
	seen mark // what was published last

	keeping keeping // Watch's alone
}

// New returns the service. What is in force already is not published.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Reported == nil {
		o.Reported = func() bool { return false }
	}
	s := &Service{o: o}
	if state, err := o.Truth.State(context.Background()); err == nil {
		s.seen = markOf(state)
	}
	return s
}

// Caller is who asks, and over which connection.
type Caller struct {
	Name string // "uid 0 (root)", "token ci"
	From string // "unix", "10.10.0.2:41312"
	// Local is a caller on the host itself, whom no rule keeps out.
	Local bool
	// OpenedAt is the confirm.Boottime at which the connection was opened.
	OpenedAt time.Duration
	// Comes is how the caller's packets come in; its zero value is not known.
	Comes Route
}
