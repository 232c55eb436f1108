package engine

// This file is what the server, the CLI's client and the phases see of the engine.

import (
	"time"
)

// Caller is who asked for something, for the journal.
type Caller struct {
	Name string `json:"name"` // "uid 0 (root)", "token ci"
	From string `json:"from"` // "unix", "10.10.0.2:41312"
}

// Selection says which steps of the graph a plan or an operation is about.
// The zero value selects all.
type Selection struct {
	Phases []int    `json:"phases,omitempty"` // only these phases; empty means all
	Steps  []string `json:"steps,omitempty"`  // only these steps; empty means all
}

// Consent is what the operator has agreed to beforehand.
type Consent struct {
	Adopt bool `json:"adopt,omitempty"` // take over what is there and says the same
}

// OperationKind says which way the steps go.
type OperationKind string

// The kinds of operation.
const (
	KindApply     OperationKind = "apply"
	KindUndo      OperationKind = "undo"
	KindReconcile OperationKind = "reconcile"
	KindAction    OperationKind = "action" // Action says which
)

// OperationState is where an operation stands.
type OperationState string

// The states of an operation. All but Running are final.
const (
	OpRunning     OperationState = "running"
	OpDone        OperationState = "done"        // everything that was selected is done; open gates on which nothing selected depends are listed in the steps
	OpWaiting     OperationState = "waiting"     // ended at a gate: some selected steps wait for the operator
	OpFailed      OperationState = "failed"      // a step failed or refused; Error says which and what to do
	OpCancelled   OperationState = "cancelled"   // stopped after the running step
	OpInterrupted OperationState = "interrupted" // the daemon died inside a step that asks for a person
)

// StepState is where one step of an operation stands.
type StepState string

// The states of a step within an operation.
const (
	StepPending   StepState = "pending"
	StepRunning   StepState = "running"
	StepUnchanged StepState = "unchanged" // nothing differed
	StepChanged   StepState = "changed"   // applied, looked at again, nothing differs
	StepFailed    StepState = "failed"
	StepGate      StepState = "gate"    // an open gate
	StepSkipped   StepState = "skipped" // not reached: something it needs is not done
)

// Operation is one durable run of steps.
type Operation struct {
	ID        string          `json:"id"` // sorts by time
	Kind      OperationKind   `json:"kind"`
	Action    *Action         `json:"action,omitempty"` // of KindAction
	State     OperationState  `json:"state"`
	Caller    Caller          `json:"caller"`
	Selection Selection       `json:"selection"`
	Consent   Consent         `json:"consent"`
	Revision  string          `json:"revision"` // of the platform document it ran with
	Areas     []string        `json:"areas"`
	Steps     []OperationStep `json:"steps"`
	Error     *Failure        `json:"error,omitempty"`
	Created   time.Time       `json:"created"`
	Ended     *time.Time      `json:"ended,omitempty"`
	Resumed   int             `json:"resumed"` // how often a restarted daemon took it up again
	Cancel    bool            `json:"cancel"`  // a cancel was asked for
}

// OperationStep is what happened to one step.
type OperationStep struct {
	ID          string       `json:"id"`
	Phase       int          `json:"phase"`
	Title       string       `json:"title"`
	State       StepState    `json:"state"`
	Differences []Difference `json:"differences,omitempty"` // what differed before
	Message     string       `json:"message,omitempty"`     // last progress, or why it was skipped
	WaitsFor    []string     `json:"waitsFor,omitempty"`    // of a skipped step: the needs that are not done
	Error       *Failure     `json:"error,omitempty"`
	Started     *time.Time   `json:"started,omitempty"`
	Ended       *time.Time   `json:"ended,omitempty"`
}

// Failure is an error as the journal keeps it.
type Failure struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
	Step   string `json:"step,omitempty"`
}

// Plan is what an apply of the selection would do now.
type Plan struct {
	Revision string     `json:"revision"`
	Steps    []PlanStep `json:"steps"`
	Taken    time.Time  `json:"taken"`
}

// PlanStep is one step of a plan.
type PlanStep struct {
	ID          string   `json:"id"`
	Phase       int      `json:"phase"`
	Title       string   `json:"title"`
	Plan        string   `json:"plan,omitempty"`
	Area        string   `json:"area"`
	Needs       []string `json:"needs,omitempty"`
	Undoable    bool     `json:"undoable"`
	Gate        bool     `json:"gate"`
	Instruction string   `json:"instruction,omitempty"` // of a gate
	Result      Result   `json:"result"`
	Error       *Failure `json:"error,omitempty"` // the check itself failed
}

// Changes reports how many steps an apply would change.
func (p *Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.Result.State == Differs && !s.Result.Settled() && !s.Gate {
			n++
		}
	}
	return n
}

// Event is one line of an operation's or the daemon's story.
type Event struct {
	Seq       uint64       `json:"seq"` // strictly rising over the daemon's life, also over restarts
	Time      time.Time    `json:"time"`
	Type      string       `json:"type"` // "operation", "step", "progress", "drift", "repaired", "gate", "platform", …
	Operation string       `json:"operation,omitempty"`
	Step      string       `json:"step,omitempty"`
	State     string       `json:"state,omitempty"` // new OperationState or StepState
	Message   string       `json:"message,omitempty"`
	Progress  *Progress    `json:"progress,omitempty"`
	Details   []Difference `json:"details,omitempty"`
}

// Progress is how far a step's Apply is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 when unknown
	Unit  string `json:"unit"`  // "bytes", "nodes", …
}
