package server

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// handlers maps the contract's operations to the engine, the platform store and
// the drivers.
type handlers struct{ *Server }

var _ api.StrictServerInterface = handlers{}

func (handlers) GetHealth(context.Context, api.GetHealthRequestObject) (api.GetHealthResponseObject, error) {
	return api.GetHealth200JSONResponse{Status: api.HealthStatusOk}, nil
}

func (h handlers) GetMetrics(context.Context, api.GetMetricsRequestObject) (api.GetMetricsResponseObject, error) {
	return metricsAnswer{h.metrics.registry}, nil
}

func (h handlers) GetContract(context.Context, api.GetContractRequestObject) (api.GetContractResponseObject, error) {
	return rawJSON(h.document), nil
}

func (h handlers) GetVersion(context.Context, api.GetVersionRequestObject) (api.GetVersionResponseObject, error) {
	return api.GetVersion200JSONResponse{
		Version: h.o.Version.Version, Commit: h.o.Version.Commit, API: h.contract.Version(), Go: runtime.Version(),
	}, nil
}

func (h handlers) GetStatus(context.Context, api.GetStatusRequestObject) (api.GetStatusResponseObject, error) {
	running, _, err := h.o.Engine.Operations(engine.OperationFilter{States: []engine.OperationState{engine.OpRunning}})
	if err != nil {
		return nil, err
	}
	last, _, err := h.o.Engine.Operations(engine.OperationFilter{Limit: 1})
	if err != nil {
		return nil, err
	}
	answer := api.GetStatus200JSONResponse{
		Version: h.o.Version.Version, Started: h.started, Platform: h.platformStatus(),
		Running:   each(running, func(o engine.Operation) string { return o.ID }),
		Drift:     each(h.o.Engine.Drift(), driftOf),
		Listeners: h.listeners(), TLS: h.tls(),
	}
	if len(last) > 0 {
		newest := summaryOf(last[0])
		answer.Last = &newest
	}
	return answer, nil
}

func (h handlers) platformStatus() api.PlatformStatus {
	_, p, revision, err := h.o.Platform.Read()
	switch {
	case problem.Is(err, problem.NoPlatform):
		return api.PlatformStatus{}
	case err != nil:
		return api.PlatformStatus{Present: true, Revision: revision, Detail: err.Error()}
	}
	return api.PlatformStatus{Present: true, Valid: true, Revision: revision, Name: string(p.Metadata.Name)}
}

func (h handlers) GetHost(context.Context, api.GetHostRequestObject) (api.GetHostResponseObject, error) {
	facts, err := h.o.Host.Look()
	if err != nil {
		return nil, err
	}
	return factsAnswer(facts), nil
}

// factsAnswer is the host's facts as the platform package writes them: what
// waddle init reads has one description only, which a test holds against the
// contract's.
type factsAnswer platform.Facts

// VisitGetHostResponse writes the answer.
func (a factsAnswer) VisitGetHostResponse(w http.ResponseWriter) error {
	body, err := json.Marshal(platform.Facts(a))
	if err != nil {
		return err
	}
	return rawJSON(body).write(w)
}

// rawJSON is an answer that is JSON already.
type rawJSON []byte

func (a rawJSON) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(a)
	return err
}

// VisitGetContractResponse writes the answer.
func (a rawJSON) VisitGetContractResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetPlatformSchemaResponse writes the answer.
func (a rawJSON) VisitGetPlatformSchemaResponse(w http.ResponseWriter) error { return a.write(w) }
