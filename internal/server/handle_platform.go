package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// EventPlatform is the type of the event that a written platform document sends.
const EventPlatform = "platform"

// documentName is how faults name a document that came over the API.
const documentName = "platform.yaml"

func (h handlers) GetPlatform(ctx context.Context, _ api.GetPlatformRequestObject) (api.GetPlatformResponseObject, error) {
	data, p, revision, err := h.o.Platform.Read()
	headers := api.GetPlatform200ResponseHeaders{ETag: quote(revision)}
	if wantsJSON(exchangeOf(ctx).request.Header) {
		if err != nil {
			return nil, err
		}
		doc, err := asDocument(p)
		return api.GetPlatform200JSONResponse{Body: doc, Headers: headers}, err
	}
	if err != nil && !problem.Is(err, problem.InvalidPlatform) {
		return nil, err
	}
	return api.GetPlatform200ApplicationYamlResponse{Body: bytes.NewReader(data), ContentLength: int64(len(data)), Headers: headers}, nil
}

// wantsJSON reports whether JSON stands before YAML in Accept.
func wantsJSON(h http.Header) bool {
	for _, part := range strings.Split(strings.Join(h.Values("Accept"), ","), ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		switch media {
		case "application/json":
			return true
		case "application/yaml", "*/*":
			return false
		}
	}
	return false
}

func asDocument(p *platform.Platform) (doc api.AnyDocument, err error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("cannot write the platform document as JSON: %w", err)
	}
	return doc, json.Unmarshal(raw, &doc)
}

func (h handlers) PutPlatform(ctx context.Context, req api.PutPlatformRequestObject) (api.PutPlatformResponseObject, error) {
	data, want, err := readDocument(req.Body)
	if err != nil {
		return nil, err
	}
	ifMatch, err := revisionOf(req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	_, old, former, err := h.o.Platform.Read()
	if err != nil && !problem.Is(err, problem.NoPlatform) && !problem.Is(err, problem.InvalidPlatform) {
		return nil, err
	}
	x := exchangeOf(ctx)
	if req.Params.Force == nil || !*req.Params.Force {
		profile, err := h.profile(ctx)
		if err == nil {
			err = wouldCut("write the platform document", CutsConnection(x.caller.conn, old, want, nil, profile))
		}
		if err != nil {
			return nil, err
		}
	}
	revision, err := h.o.Platform.Write(data, ifMatch)
	if err != nil {
		return nil, err
	}
	body := api.PlatformWritten{Revision: revision, Changed: revision != former}
	if body.Changed {
		h.o.Engine.Publish(engine.Event{Type: EventPlatform, Message: fmt.Sprintf("platform document %s written by %s", revision, x.caller.Name)})
		h.o.PlatformChanged()
		h.follower.Poke()
	}
	if former == "" {
		return api.PutPlatform201JSONResponse{Body: body, Headers: api.PutPlatform201ResponseHeaders{ETag: quote(revision)}}, nil
	}
	return api.PutPlatform200JSONResponse{Body: body, Headers: api.PutPlatform200ResponseHeaders{ETag: quote(revision)}}, nil
}

func readDocument(body io.Reader) ([]byte, *platform.Platform, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, problem.Wrap(problem.InvalidRequest, err, "send the whole document", "cannot read the body")
	}
	p, err := platform.Parse(documentName, data)
	return data, p, err
}

func quote(revision string) string { return `"` + revision + `"` }

// revisionOf reads If-Match: one strong entity tag or *.
func revisionOf(ifMatch *string) (string, error) {
	if ifMatch == nil || *ifMatch == "*" {
		if ifMatch == nil {
			return "", nil
		}
		return "*", nil
	}
	tag := *ifMatch
	if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' && !strings.Contains(tag[1:len(tag)-1], `"`) {
		return tag[1 : len(tag)-1], nil
	}
	return "", problem.New(problem.InvalidRequest, "send the ETag of GET /v1/platform as it is, quotes included",
		"cannot read If-Match: it is neither one strong entity tag nor *")
}

func (h handlers) PostPlatformValidate(_ context.Context, req api.PostPlatformValidateRequestObject) (api.PostPlatformValidateResponseObject, error) {
	_, p, err := readDocument(req.Body)
	if err != nil {
		return nil, err
	}
	return api.PostPlatformValidate200JSONResponse{Valid: true, Name: string(p.Metadata.Name)}, nil
}

func (h handlers) GetPlatformSchema(context.Context, api.GetPlatformSchemaRequestObject) (api.GetPlatformSchemaResponseObject, error) {
	schema, err := h.o.PlatformSchema()
	if err != nil {
		return nil, err
	}
	return rawJSON(schema), nil
}
