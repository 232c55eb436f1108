package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waddle-social/waddle/internal/state"
)

// Options are what an engine is made of. State and Source are required.
type Options struct {
	State *state.DB
	// Source builds the graph from the platform as it is now. It is called at
	// each plan, operation and look of the reconciler.
	Source func(ctx context.Context) (*Graph, error)
	// Actions builds the steps of an action, anew when the daemon was restarted
	// inside it. Nil when there are none.
	Actions func(ctx context.Context, a Action) (*Graph, error)
	Log     *slog.Logger

	Parallel       int           // steps side by side; 4
	Keep           Retention     // of what has ended
	ReconcileEvery time.Duration // timer of the reconciler; 5 min
	Debounce       time.Duration // kernel events are collected this long; 200 ms
	CheckTimeout   time.Duration // a Check that takes longer has failed; 30 s
}

// Retention says how much of the past is kept. Running operations always are.
type Retention struct {
	Count int           // ended operations; 500
	Age   time.Duration // since the end; 90 days
}

func (o Options) withDefaults() (Options, error) {
	if o.State == nil || o.Source == nil {
		return o, errors.New("cannot make an engine: Options needs State and Source")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Parallel = defaultTo(o.Parallel, 4)
	o.Keep.Count = defaultTo(o.Keep.Count, 500)
	o.Keep.Age = defaultTo(o.Keep.Age, 90*24*time.Hour)
	o.ReconcileEvery = defaultTo(o.ReconcileEvery, 5*time.Minute)
	o.Debounce = defaultTo(o.Debounce, 200*time.Millisecond)
	o.CheckTimeout = defaultTo(o.CheckTimeout, 30*time.Second)
	return o, nil
}

func defaultTo[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Request is what an operation is started with.
type Request struct {
	Kind      OperationKind
	Caller    Caller
	Selection Selection
	Consent   Consent
}

// OperationFilter narrows a list of operations. The zero value lists all.
type OperationFilter struct {
	States []OperationState
	Kinds  []OperationKind
	Limit  int    // at most this many, 50 when 0, never more than 500
	Page   string // the token that the former page came with
}

// EventFilter narrows a stream of events. The zero value is everything from
// the beginning of what is kept.
type EventFilter struct {
	Operation string // only this operation's; the stream ends when it is final
	After     uint64 // only events with a greater Seq
	New       bool   // only events written after the call of Events; After has no meaning then
}

// Acknowledgement is a person's word that a gate is open.
type Acknowledgement struct {
	Step string    `json:"step"`
	By   Caller    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`
}

// DriftKind says what the reconciler does about what it found.
type DriftKind string

// The kinds of report.
const (
	DriftRepairing DriftKind = "repairing" // a reconcile operation is under way or about to be
	DriftFailed    DriftKind = "failed"    // the repair failed or does not last; NextAttempt says when it is tried again
	DriftPending   DriftKind = "pending"   // the platform has changed since it was applied; an apply is up to the operator
	DriftBlocked   DriftKind = "blocked"   // a conflict or an adoption: only the operator can solve it
	DriftGate      DriftKind = "gate"      // a gate that was open is closed again
	DriftUnknown   DriftKind = "unknown"   // the check failed, or waits for another step
)

// DriftReport is one applied step that is not, or no longer, as the platform says.
type DriftReport struct {
	Step        string       `json:"step"`
	Phase       int          `json:"phase"`
	Title       string       `json:"title"`
	Kind        DriftKind    `json:"kind"`
	Differences []Difference `json:"differences,omitempty"`
	Reason      string       `json:"reason,omitempty"` // of an unknown one
	Since       time.Time    `json:"since"`            // first seen
	Seen        time.Time    `json:"seen"`             // last seen
	Attempts    int          `json:"attempts,omitempty"`
	NextAttempt *time.Time   `json:"nextAttempt,omitempty"`
	Operation   string       `json:"operation,omitempty"` // the last repair
	Error       *Failure     `json:"error,omitempty"`     // of the check or the last repair
}
