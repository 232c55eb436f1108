package engine

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Step is one aspect of the real world: Check looks, Apply changes, Undo puts
// back what was there before the first Apply.
type Step struct {
	ID    string   // stable and unique, e.g. "network.bridge"; it is the key in the journal
	Phase int      // the plan's phase, 0 to 6
	Title string   // the plan's words, e.g. "Create internal bridge vmbr1"
	Plan  string   // where the plan says so, e.g. "Phase 1, step 1"
	Area  string   // what it changes; one operation at a time may change one area
	Needs []string // steps that have to be done before this one is looked at or applied

	// Check looks and changes nothing. It may be called at any time and from
	// several goroutines, and has to answer within Options.CheckTimeout. A gate
	// that a person acknowledges may leave it nil: the acknowledgement decides.
	Check func(ctx context.Context) (Result, error)
	// CheckEarly lets the engine call Check although a need is not done yet.
	// Without it the answer then is Unknown, waiting for that need.
	CheckEarly bool
	// Apply removes the differences that Check reports. It can be called again
	// after having been killed anywhere. Nil for a gate.
	Apply func(ctx context.Context, run *Run) error
	// Undo is nil for a step that cannot be undone.
	Undo *Undo
	// Gate makes the step one that can only be waited for or acknowledged.
	Gate *Gate
	// OnInterrupt says what happens to an operation that was killed inside this
	// step's Apply. The zero value resumes.
	OnInterrupt Interrupt
	// Watches names the kinds of kernel events after which the reconciler looks
	// again, e.g. "link" or "rules", as the driver that reports them calls them.
	Watches []string
}

// Interrupt is what a restarted daemon does with a step that was being applied.
type Interrupt int

// What a step may ask for.
const (
	Resume      Interrupt = iota // check again and go on
	AskOperator                  // mark the operation interrupted and wait for a person
)

// Gate is the part of a step that needs somebody or something else.
type Gate struct {
	// Instruction tells the operator what to do or look at.
	Instruction string
	// Acknowledge is true when a person has to confirm it with
	// `waddle phase ack`; otherwise Check alone decides.
	Acknowledge bool
}

// Undo puts back what was there before a step's first Apply.
type Undo struct {
	// Capture records what is there before the first Apply. It is called once
	// in a step's life, and its answer is in the journal before Apply starts.
	Capture func(ctx context.Context) (json.RawMessage, error)
	// Show says what Apply would change, without changing it.
	Show func(ctx context.Context, before json.RawMessage) ([]Difference, error)
	// Apply puts it back. Like a step's Apply it can be called again.
	Apply func(ctx context.Context, before json.RawMessage, run *Run) error
}

// State is the answer of a Check in one word.
type State string

// The three answers.
const (
	Done    State = "done"    // nothing differs
	Differs State = "differs" // Differences says what
	Unknown State = "unknown" // not yet knowable; WaitsFor or Reason says why
)

// Result is the answer of a Check.
type Result struct {
	State       State        `json:"state"`
	Differences []Difference `json:"differences,omitempty"`
	WaitsFor    []string     `json:"waitsFor,omitempty"` // ids of steps
	Reason      string       `json:"reason,omitempty"`   // why it is not knowable, or what was found
	Notes       []string     `json:"notes,omitempty"`    // worth knowing, no difference: foreign rules beside ours
	Evidence    []Evidence   `json:"evidence,omitempty"` // what a gate rests on
}

// Evidence is something that was tried, seen or said, for a gate or against it.
type Evidence struct {
	What    string    `json:"what"`   // "TCP 203.0.113.10:8006", "login of root over SSH", "acknowledgement"
	From    string    `json:"from"`   // where it was tried from, or who said it
	At      time.Time `json:"at"`     // when
	Answer  string    `json:"answer"` // what came back, or was said
	Verdict Verdict   `json:"verdict"`
}

// Verdict is what a piece of evidence is worth.
type Verdict string

// The verdicts.
const (
	Proves       Verdict = "proves"       // what the gate asks for is so
	Contradicts  Verdict = "contradicts"  // it is not so, whatever a person says
	Inconclusive Verdict = "inconclusive" // it could not be seen; a person has to look
)

// Kind says how a difference is removed.
type Kind string

// The kinds of difference.
const (
	Create   Kind = "create"   // it is not there
	Change   Kind = "change"   // it is ours and says something else
	Remove   Kind = "remove"   // it is ours and should not be there
	Adopt    Kind = "adopt"    // it is not ours, says the same, and the operator has to agree before it becomes ours
	Conflict Kind = "conflict" // it is not ours and says something else: only the operator can solve it
	Manual   Kind = "manual"   // what could be done is done, and the rest is for the operator to choose: Note says how. It holds up nothing
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Object string `json:"object"`         // "link vmbr1", "file /etc/sysctl.d/60-waddle.conf", "rule ip/nat POSTROUTING"
	Is     string `json:"is,omitempty"`   // what is there; empty when nothing is
	Want   string `json:"want,omitempty"` // what should be; empty when nothing should be
	Note   string `json:"note,omitempty"` // what the operator should know or do
}

// Settled reports whether nothing is left that an Apply would change.
func (r Result) Settled() bool {
	return r.State == Done || r.State == Differs &&
		!slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Kind != Manual })
}

// IsDone is the answer of a check that found nothing.
func IsDone(notes ...string) Result { return Result{State: Done, Notes: notes} }

// Found is the answer of a check that found differences; without any it is IsDone.
func Found(d ...Difference) Result {
	if len(d) == 0 {
		return IsDone()
	}
	return Result{State: Differs, Differences: d}
}

// Unknowable is the answer of a check that cannot look yet.
func Unknowable(reason string, waitsFor ...string) Result {
	return Result{State: Unknown, Reason: reason, WaitsFor: waitsFor}
}
