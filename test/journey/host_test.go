package journey

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/standin"
)

const example = "../../examples/waddle-social.yaml"

// host is a lab with a daemon in it.
type host struct {
	*lab.Lab
	t   *testing.T
	api *client.Connection
}

// needsRoot says in one line why a test cannot run here.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	const why = "needs root, for network namespaces"
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// newHost builds a lab that ends with the test, without a daemon.
func newHost(t *testing.T, o lab.Options) *host {
	t.Helper()
	needsRoot(t)
	o.Name += strconv.Itoa(os.Getpid()) // two runs do not share a lab
	o.Log = func(line string) { t.Log(line) }
	l, err := lab.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Lab: l, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			h.showLog()
		}
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h.api, err = client.New(client.Options{Server: "unix://" + l.Socket()})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) showLog() {
	log, err := os.ReadFile(h.DaemonLog())
	if err != nil {
		h.t.Log(err)
		return
	}
	lines := strings.Split(string(log), "\n")
	h.t.Logf("the daemon's last lines:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
}

func (h *host) start(env ...string) {
	h.t.Helper()
	if err := h.StartDaemon(h.t.Context(), os.Args[0], nil, append(env, envDaemon+"=1")); err != nil {
		h.t.Fatal(err)
	}
}

// setPlatform gives the daemon a document.
func (h *host) setPlatform(document []byte) {
	h.t.Helper()
	any := "*"
	_, err := h.api.PutPlatformWithBodyWithResponse(h.t.Context(), &client.PutPlatformParams{IfMatch: &any}, "application/yaml", bytes.NewReader(document))
	if p, ok := client.AsProblem(err); ok && p.Code == "precondition_failed" { // there is none yet
		_, err = h.api.PutPlatformWithBodyWithResponse(h.t.Context(), nil, "application/yaml", bytes.NewReader(document))
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) setExample() {
	h.t.Helper()
	document, err := os.ReadFile(example)
	if err != nil {
		h.t.Fatal(err)
	}
	h.setPlatform(document)
}

// apply runs phases 0 to 1 to their end.
func (h *host) apply(r client.ApplyRequest) *client.Operation {
	h.t.Helper()
	op, err := h.tryApply(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.ended(op.ID)
}

func (h *host) tryApply(r client.ApplyRequest) (*client.Operation, error) {
	through := client.PhaseNumber(1)
	r.Through = &through
	answer, err := h.api.PostApplyWithResponse(h.t.Context(), nil, r)
	if err != nil {
		return nil, err
	}
	if answer.JSON200 != nil {
		return answer.JSON200, nil
	}
	return answer.JSON202, nil
}

// undo takes a phase back and waits for the end.
func (h *host) undo(phase client.PhaseNumber) {
	h.t.Helper()
	answer, err := h.api.PostPhaseUndoWithResponse(h.t.Context(), phase, nil, client.UndoRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	op := answer.JSON200
	if op == nil {
		op = answer.JSON202
	}
	h.ended(op.ID)
}

// ended waits for an operation and demands that everything that waddle does by
// itself is done: it may wait at a gate, which is a person's.
func (h *host) ended(id string) *client.Operation {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	defer cancel()
	for _, err := range h.api.OperationEvents(ctx, id) {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	op, err := h.api.Wait(ctx, id)
	if err != nil {
		h.t.Fatal(err)
	}
	if op.State != client.OperationStateDone && op.State != client.OperationStateWaiting {
		h.t.Fatalf("operation %s ended %s: %+v", id, op.State, op.Error)
	}
	return op
}

// plan returns the changes that an apply of phases 0 and 1 would make.
func (h *host) plan() (changes []client.PlanStep) {
	h.t.Helper()
	through := client.PhaseNumber(1)
	answer, err := h.api.GetPlanWithResponse(h.t.Context(), &client.GetPlanParams{Through: &through})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range answer.JSON200.Steps {
		if s.Error != nil {
			h.t.Fatalf("step %s cannot be looked at: %s", s.ID, s.Error.Detail)
		}
		if s.Result.State == client.CheckStateDiffers {
			changes = append(changes, s)
		}
	}
	return changes
}

func (h *host) snapshot() string {
	h.t.Helper()
	s, err := h.Snapshot(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return s + h.storage()
}

// storage is what ZFS and the kernel's iSCSI target have.
func (h *host) storage() string {
	h.t.Helper()
	s, err := standin.Describe(h.Host.Root() + standin.Dir)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// run runs a command line on the host.
func (h *host) run(line string) string {
	h.t.Helper()
	out, err := h.Host.Run(h.t.Context(), "sh", "-c", line)
	if err != nil {
		h.t.Fatalf("%s: %v", line, err)
	}
	return out
}
