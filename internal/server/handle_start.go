package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
)

func (h handlers) PostApply(ctx context.Context, req api.PostApplyRequestObject) (api.PostApplyResponseObject, error) {
	var body api.ApplyRequest
	if req.Body != nil {
		body = *req.Body
	}
	var phases []int
	if body.Through != nil {
		phases = h.through(*body.Through)
	}
	if err := h.applyMayCut(ctx, phases, body.Force); err != nil {
		return nil, err
	}
	return h.start(ctx, req.Params.Wait, engine.Request{
		Kind: engine.KindApply, Selection: engine.Selection{Phases: phases}, Consent: engine.Consent{Adopt: body.Adopt},
	})
}

func (h handlers) PostPhaseRun(ctx context.Context, req api.PostPhaseRunRequestObject) (api.PostPhaseRunResponseObject, error) {
	var body api.RunRequest
	if req.Body != nil {
		body = *req.Body
	}
	phases := []int{req.Phase}
	if err := h.applyMayCut(ctx, phases, body.Force); err != nil {
		return nil, err
	}
	return h.start(ctx, req.Params.Wait, engine.Request{
		Kind: engine.KindApply, Selection: engine.Selection{Phases: phases}, Consent: engine.Consent{Adopt: body.Adopt},
	})
}

// applyMayCut refuses an apply that would cut the caller's connection. Without a
// valid platform document the engine says so better.
func (h handlers) applyMayCut(ctx context.Context, phases []int, force bool) error {
	_, want, _, err := h.o.Platform.Read()
	if err != nil || force {
		return nil
	}
	profile, err := h.profile(ctx)
	if err != nil {
		return err
	}
	return wouldCut("apply the platform document", CutsConnection(exchangeOf(ctx).caller.conn, nil, want, phases, profile))
}

func (h handlers) GetPhaseUndo(ctx context.Context, req api.GetPhaseUndoRequestObject) (api.GetPhaseUndoResponseObject, error) {
	p, err := h.o.Engine.UndoPlan(ctx, engine.Selection{Phases: []int{req.Phase}})
	if err != nil {
		return nil, err
	}
	return api.GetPhaseUndo200JSONResponse(planOf(p)), nil
}

func (h handlers) PostPhaseUndo(ctx context.Context, req api.PostPhaseUndoRequestObject) (api.PostPhaseUndoResponseObject, error) {
	phases := []int{req.Phase}
	if req.Body == nil || !req.Body.Force {
		_, now, _, err := h.o.Platform.Read()
		if err == nil {
			err = wouldCut("undo the phase", UndoCutsConnection(exchangeOf(ctx).caller.conn, now, phases))
			if err != nil {
				return nil, err
			}
		}
	}
	return h.start(ctx, req.Params.Wait, engine.Request{Kind: engine.KindUndo, Selection: engine.Selection{Phases: phases}})
}

func (h handlers) PostOperationCancel(ctx context.Context, req api.PostOperationCancelRequestObject) (api.PostOperationCancelResponseObject, error) {
	op, err := h.o.Engine.Cancel(ctx, req.ID, exchangeOf(ctx).caller.Caller)
	if err != nil {
		return nil, err
	}
	return h.answerWith(ctx, req.Params.Wait, op)
}

func (h handlers) start(ctx context.Context, wait *string, req engine.Request) (operationAnswer, error) {
	x := exchangeOf(ctx)
	req.Caller = x.caller.Caller
	op, err := h.o.Engine.Start(ctx, req)
	if err != nil {
		return operationAnswer{}, err
	}
	x.started(op)
	return h.answerWith(ctx, wait, op)
}

// answerWith waits for the operation as long as the caller wants to.
func (h handlers) answerWith(ctx context.Context, wait *string, op *engine.Operation) (operationAnswer, error) {
	if op.Final() || wait == nil {
		return operationAnswer{op: op}, nil
	}
	d, err := time.ParseDuration(*wait) // the contract's pattern allows whole seconds and minutes
	if err != nil {
		return operationAnswer{}, err
	}
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	defer context.AfterFunc(h.draining, cancel)()
	seen, err := h.o.Engine.Wait(limited, op.ID)
	if seen != nil {
		op = seen
	}
	if err != nil && limited.Err() == nil && !errors.Is(err, context.Canceled) {
		return operationAnswer{}, err
	}
	return operationAnswer{op: op, deadline: h.o.Limits.RequestTimeout + answerGrace}, nil
}

// operationAnswer is 200 with an ended operation or 202 with a running one.
type operationAnswer struct {
	op       *engine.Operation
	deadline time.Duration // set anew after a wait
}

func (a operationAnswer) location() string { return "/v1/operations/" + a.op.ID }

func (a operationAnswer) write(w http.ResponseWriter) error {
	if a.deadline > 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.deadline))
	}
	body := operationOf(a.op)
	if a.op.Final() {
		return api.PostApply200JSONResponse{OperationEndedJSONResponse: api.OperationEndedJSONResponse{
			Body: body, Headers: api.OperationEndedResponseHeaders{Location: a.location()},
		}}.VisitPostApplyResponse(w)
	}
	return api.PostApply202JSONResponse{OperationRunningJSONResponse: api.OperationRunningJSONResponse{
		Body: body, Headers: api.OperationRunningResponseHeaders{Location: a.location()},
	}}.VisitPostApplyResponse(w)
}

// VisitPostApplyResponse writes the answer.
func (a operationAnswer) VisitPostApplyResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostPhaseRunResponse writes the answer.
func (a operationAnswer) VisitPostPhaseRunResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostPhaseUndoResponse writes the answer.
func (a operationAnswer) VisitPostPhaseUndoResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostOperationCancelResponse writes the answer.
func (a operationAnswer) VisitPostOperationCancelResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// startedAnswer is what a caller gets for an operation that is running.
func startedAnswer(op *engine.Operation) (answer, error) {
	buf := &buffer{header: http.Header{}, status: http.StatusOK}
	if err := (operationAnswer{op: op}).write(buf); err != nil {
		return answer{}, err
	}
	return answer{Status: buf.status, Header: keptHeader(buf.header), Body: buf.body.Bytes()}, nil
}
