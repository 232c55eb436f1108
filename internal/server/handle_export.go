package server

import (
	"context"

	"github.com/waddle-social/waddle/internal/opentofu"
	"github.com/waddle-social/waddle/internal/server/api"
)

func (h handlers) GetExportOpenTofu(context.Context, api.GetExportOpenTofuRequestObject) (api.GetExportOpenTofuResponseObject, error) {
	_, p, _, err := h.o.Platform.Read()
	if err != nil {
		return nil, err
	}
	files, err := h.o.Export(p)
	if err != nil {
		return nil, err
	}
	return api.GetExportOpenTofu200JSONResponse{Files: each(files, func(f opentofu.File) api.ExportFile {
		return api.ExportFile{Name: f.Name, Content: f.Content}
	})}, nil
}
