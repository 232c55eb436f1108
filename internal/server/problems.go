package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// problems writes every error as RFC 9457 problem details. It is the only place
// that does.
type problems struct{ log *slog.Logger }

// write answers r with err. What is a defect goes to the log with its cause and
// to the caller without.
func (ps problems) write(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.From(err)
	x := exchangeOf(r.Context())
	if p.Code == problem.Internal && errors.Is(err, context.DeadlineExceeded) {
		p = problem.Wrap(problem.Unavailable, err, "try again; a part of the host answers slowly", "the answer took too long")
	}
	if p.Code == problem.Internal {
		ps.log.Error("a request met a defect", "request", x.id, "operation", x.operationID(), "error", err)
		p = problem.New(problem.Internal, "look for request "+x.id+" in the daemon's log: journalctl -u waddled",
			"the daemon met a defect while it answered")
	}
	body, err := json.Marshal(details(p, x.id))
	if err != nil {
		ps.log.Error("cannot encode a problem", "request", x.id, "error", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Code.Status())
	_, _ = w.Write(body) // the caller has gone
}

func details(p *problem.Error, requestID string) api.Problem {
	d := api.Problem{
		Type: "urn:waddle:problem:" + string(p.Code), Title: titles[p.Code], Status: p.Code.Status(),
		Detail: p.Detail, Instance: "urn:waddle:request:" + requestID,
		Code: string(p.Code), Hint: p.Hint, Others: p.Others,
	}
	for _, f := range p.Fields {
		d.Fields = append(d.Fields, api.ProblemField{
			Path: f.Path, File: f.File, Line: f.Line, Column: f.Column, Message: f.Message, Allowed: f.Allowed, Source: f.Source,
		})
	}
	return d
}

// titles are the codes in words (RFC 9457: the same for each occurrence).
var titles = map[problem.Code]string{
	problem.InvalidRequest:     "The request is not as the contract says",
	problem.InvalidPlatform:    "The platform document is wrong",
	problem.Unauthenticated:    "Authentication is needed",
	problem.Forbidden:          "Not allowed",
	problem.NotFound:           "Not found",
	problem.MethodNotAllowed:   "The path does not have this method",
	problem.Conflict:           "What is there says something else",
	problem.OperationRunning:   "Another operation is running",
	problem.AdoptionNeeded:     "What is there has to be adopted first",
	problem.WouldCutConnection: "The change would cut the caller's own connection",
	problem.NoPlatform:         "There is no platform document yet",
	problem.GateNotOpen:        "The gate cannot be confirmed now",
	problem.NeedsNotDone:       "Something that it needs is not done",
	problem.NotUndoable:        "There is nothing that can be undone",
	problem.InUse:              "It is in use",
	problem.NoSpace:            "There is no room for it",
	problem.ChangePending:      "Another firewall change is in force",
	problem.NothingPending:     "No firewall change waits for a confirmation",
	problem.ProofNeeded:        "The confirmation proves nothing",
	problem.PreconditionFailed: "The document has changed in between",
	problem.PreconditionNeeded: "If-Match is needed",
	problem.IdempotencyReused:  "The idempotency key was used for another request",
	problem.TooLarge:           "The body is too large",
	problem.UnsupportedMedia:   "The body has a content type that is not taken",
	problem.TooManyAttempts:    "Too many failed authentications",
	problem.HostUnsuitable:     "The host lacks something",
	problem.Interrupted:        "The operation was interrupted",
	problem.NotSettled:         "The change does not last",
	problem.StateUnusable:      "The state file cannot be used",
	problem.RulesDamaged:       "What is saved of the firewall cannot be read",
	problem.Unavailable:        "Not now",
	problem.Internal:           "A defect",
}
