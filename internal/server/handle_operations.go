package server

import (
	"context"
	"strconv"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

func (h handlers) ListOperations(_ context.Context, req api.ListOperationsRequestObject) (api.ListOperationsResponseObject, error) {
	f := engine.OperationFilter{States: each(req.Params.State, func(s api.OperationState) engine.OperationState { return engine.OperationState(s) })}
	if req.Params.Limit != nil {
		f.Limit = *req.Params.Limit
	}
	if req.Params.Page != nil {
		f.Page = *req.Params.Page
	}
	page, next, err := h.o.Engine.Operations(f)
	if err != nil {
		return nil, err
	}
	return api.ListOperations200JSONResponse{Operations: each(page, summaryOf), Next: next}, nil
}

func (h handlers) GetOperation(_ context.Context, req api.GetOperationRequestObject) (api.GetOperationResponseObject, error) {
	op, err := h.o.Engine.Operation(req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetOperation200JSONResponse(operationOf(op)), nil
}

func (h handlers) StreamOperationEvents(ctx context.Context, req api.StreamOperationEventsRequestObject) (api.StreamOperationEventsResponseObject, error) {
	after, err := lastEvent(req.Params.LastEventID)
	if err != nil {
		return nil, err
	}
	if _, err := h.o.Engine.Operation(req.ID); err != nil {
		return nil, err
	}
	f := engine.EventFilter{Operation: req.ID}
	if after != nil {
		f.After = *after
	}
	s := h.stream(ctx)
	s.events = h.o.Engine.Events(s.ctx, f)
	return s, nil
}

func (h handlers) StreamEvents(ctx context.Context, req api.StreamEventsRequestObject) (api.StreamEventsResponseObject, error) {
	after, err := lastEvent(req.Params.LastEventID)
	if err != nil {
		return nil, err
	}
	f := engine.EventFilter{New: after == nil}
	if after != nil {
		f.After = *after
	}
	s := h.stream(ctx)
	s.events = h.o.Engine.Events(s.ctx, f)
	return s, nil
}

// stream ends with the request, with the caller's token, and when the server
// stops.
func (h handlers) stream(ctx context.Context) stream {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(h.draining, cancel)
	return stream{ctx: ctx, open: h.metrics.streams, heartbeat: heartbeatEvery}
}

func lastEvent(id *string) (*uint64, error) {
	if id == nil {
		return nil, nil
	}
	n, err := strconv.ParseUint(*id, 10, 64)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "send the id of the last event", "cannot read Last-Event-ID")
	}
	return &n, nil
}

func (h handlers) GetNetwork(ctx context.Context, _ api.GetNetworkRequestObject) (api.GetNetworkResponseObject, error) {
	seen, err := h.o.Network.Seen(ctx)
	if err != nil {
		return nil, err
	}
	answer := api.GetNetwork200JSONResponse{Seen: seen}
	_, p, _, err := h.o.Platform.Read()
	if err != nil {
		return answer, nil // without a valid document nothing is wanted
	}
	wanted, err := h.o.Network.Wanted(ctx, p)
	if err != nil {
		return nil, err
	}
	answer.Wanted = &wanted
	return answer, nil
}
