package server

import (
	"context"
	"fmt"
	"net/http"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/internal/storage"
)

// EventStorage is the type of the event that a change of volumes sends.
const EventStorage = "storage"

// storage is the storage of the platform; without a valid platform there is none.
func (h handlers) storage() (Storage, error) {
	_, _, _, err := h.o.Platform.Read()
	return h.o.Storage, err
}

// changedStorage tells who changed what; ctx is the request's.
func (h handlers) changedStorage(ctx context.Context, format string, args ...any) {
	by := exchangeOf(ctx).caller.Name
	message := fmt.Sprintf(format, args...)
	h.o.Log.Info("storage", "change", message, "by", by)
	h.o.Engine.Publish(engine.Event{Type: EventStorage, Message: message + " by " + by})
}

func (h handlers) GetStorage(ctx context.Context, _ api.GetStorageRequestObject) (api.GetStorageResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	status, err := s.Status(ctx)
	if err != nil {
		return nil, err
	}
	return api.GetStorage200JSONResponse(status), nil
}

func (h handlers) ListStorageSessions(ctx context.Context, _ api.ListStorageSessionsRequestObject) (api.ListStorageSessionsResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	all, err := s.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	return api.ListStorageSessions200JSONResponse{Sessions: all}, nil
}

func (h handlers) ListOrphans(ctx context.Context, _ api.ListOrphansRequestObject) (api.ListOrphansResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	all, err := s.Orphans(ctx)
	if err != nil {
		return nil, err
	}
	return api.ListOrphans200JSONResponse{Orphans: all}, nil
}

func (h handlers) PostStorageRepair(ctx context.Context, req api.PostStorageRepairRequestObject) (api.PostStorageRepairResponseObject, error) {
	return h.actOnStorage(ctx, req.Params.Wait, storage.RepairAction)
}

func (h handlers) PostStorageAdoption(ctx context.Context, req api.PostStorageAdoptionRequestObject) (api.PostStorageAdoptionResponseObject, error) {
	return h.actOnStorage(ctx, req.Params.Wait, storage.AdoptAction)
}

// actOnStorage starts an operation for what takes longer than a request.
func (h handlers) actOnStorage(ctx context.Context, wait *string, verb string) (operationAnswer, error) {
	s, err := h.storage()
	if err != nil {
		return operationAnswer{}, err
	}
	action, err := s.Prepare(ctx, verb)
	if err != nil {
		return operationAnswer{}, err
	}
	x := exchangeOf(ctx)
	op, err := h.o.Engine.StartAction(ctx, x.caller.Caller, action)
	if err != nil {
		return operationAnswer{}, err
	}
	x.started(op)
	return h.answerWith(ctx, wait, op)
}

// VisitPostStorageRepairResponse writes the answer.
func (a operationAnswer) VisitPostStorageRepairResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitPostStorageAdoptionResponse writes the answer.
func (a operationAnswer) VisitPostStorageAdoptionResponse(w http.ResponseWriter) error {
	return a.write(w)
}

func (h handlers) GetStorageAdoption(ctx context.Context, _ api.GetStorageAdoptionRequestObject) (api.GetStorageAdoptionResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	found, err := s.Adoption(ctx)
	if err != nil {
		return nil, err
	}
	return api.GetStorageAdoption200JSONResponse(found), nil
}

func (h handlers) GetCSIValues(ctx context.Context, req api.GetCSIValuesRequestObject) (api.GetCSIValuesResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Values(ctx, isSet(req.Params.Snapshots), false)
	if err != nil {
		return nil, err
	}
	return api.GetCSIValues200JSONResponse(v), nil
}

// GetCSIValuesRevealed is a GET, and takes no idempotency key: its answer is
// kept nowhere.
func (h handlers) GetCSIValuesRevealed(ctx context.Context, req api.GetCSIValuesRevealedRequestObject) (api.GetCSIValuesRevealedResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Values(ctx, isSet(req.Params.Snapshots), true)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "the storage endpoint's client key was read")
	return api.GetCSIValuesRevealed200JSONResponse{
		Body: v, Headers: api.GetCSIValuesRevealed200ResponseHeaders{CacheControl: noStore},
	}, nil
}

const noStore = "no-store"

func isSet(flag *bool) bool { return flag != nil && *flag }
