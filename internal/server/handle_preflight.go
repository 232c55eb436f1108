package server

import (
	"context"

	"github.com/waddle-social/waddle/internal/preflight"
	"github.com/waddle-social/waddle/internal/server/api"
)

// Preflight looks for what the platform needs of the host; preflight.Sources does.
type Preflight interface {
	Run(ctx context.Context) preflight.Report
}

func (h handlers) GetPreflight(ctx context.Context, _ api.GetPreflightRequestObject) (api.GetPreflightResponseObject, error) {
	r := h.o.Preflight.Run(ctx)
	return api.GetPreflight200JSONResponse{Ready: r.Ready, Checks: each(r.Checks, func(c preflight.Check) api.PreflightCheck {
		return api.PreflightCheck{Name: c.Name, State: api.PreflightCheckState(c.State), Detail: c.Detail, Remedy: c.Remedy}
	})}, nil
}
