package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/waddle-social/waddle/internal/problem"
)

// CheckRequest returns a problem that lists everything in which r is not as the
// contract says. The body has to be in memory already: it is read and put back.
func (c *Call) CheckRequest(ctx context.Context, r *http.Request) error {
	if err := c.checkMedia(r); err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "encode the query as a URL wants it", "cannot read the query")
	}
	fields := c.unknownParameters(query)
	if err := openapi3filter.ValidateRequest(ctx, c.input(r)); err != nil {
		fields = append(fields, fieldsOf(err)...)
	}
	if len(fields) == 0 {
		return nil
	}
	p := problem.New(problem.InvalidRequest, "correct the request; GET /openapi.json describes it",
		"cannot take the request: %s", summary(fields))
	p.Fields = fields
	return p
}

func (c *Call) input(r *http.Request) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: c.params, Route: c.route,
		Options: &openapi3filter.Options{
			MultiError:          true,
			SkipSettingDefaults: true,
			// Who is calling has been settled before.
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
}

// checkMedia refuses a body of a type that the operation does not take, and a
// body where none belongs.
func (c *Call) checkMedia(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	body := c.route.Operation.RequestBody
	if body == nil {
		return problem.New(problem.InvalidRequest, "send no body", "cannot take the request: %s takes no body", c.Operation)
	}
	sent := r.Header.Get("Content-Type")
	if sent != "" && body.Value.Content.Get(sent) != nil {
		return nil
	}
	types := make([]string, 0, len(body.Value.Content))
	for t := range body.Value.Content {
		types = append(types, t)
	}
	slices.Sort(types)
	return problem.New(problem.UnsupportedMedia, "send it with Content-Type: "+strings.Join(types, " or "),
		"cannot take the body: its content type %q is not one that %s takes", sent, c.Operation)
}

func (c *Call) unknownParameters(query url.Values) []problem.Field {
	var fields []problem.Field
	for name := range query {
		if c.route.Operation.Parameters.GetByInAndName("query", name) == nil {
			fields = append(fields, problem.Field{Path: "query." + name, Message: "is not known here", Allowed: c.queryParameters()})
		}
	}
	slices.SortFunc(fields, func(a, b problem.Field) int { return strings.Compare(a.Path, b.Path) })
	return fields
}

func (c *Call) queryParameters() string {
	var names []string
	for _, p := range c.route.Operation.Parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	if len(names) == 0 {
		return "no query parameters"
	}
	return strings.Join(names, ", ")
}

// fieldsOf flattens kin-openapi's errors.
func fieldsOf(err error) []problem.Field {
	var many openapi3.MultiError
	if m, ok := err.(openapi3.MultiError); ok {
		many = m
	}
	if many != nil {
		var fields []problem.Field
		for _, e := range many {
			fields = append(fields, fieldsOf(e)...)
		}
		return fields
	}
	var re *openapi3filter.RequestError
	if errors.As(err, &re) {
		return requestFields(re)
	}
	return []problem.Field{{Path: "request", Message: firstLine(err)}}
}

func requestFields(re *openapi3filter.RequestError) []problem.Field {
	where := "body"
	if re.Parameter != nil {
		where = re.Parameter.In + "." + re.Parameter.Name
	}
	switch inner := re.Err.(type) {
	case openapi3.MultiError:
		var fields []problem.Field
		for _, e := range inner {
			fields = append(fields, schemaField(where, e))
		}
		return fields
	case nil:
		return []problem.Field{{Path: where, Message: re.Reason}}
	default:
		return []problem.Field{schemaField(where, inner)}
	}
}

func schemaField(where string, err error) problem.Field {
	var se *openapi3.SchemaError
	if !errors.As(err, &se) {
		return problem.Field{Path: where, Message: firstLine(err)}
	}
	if at := se.JSONPointer(); len(at) > 0 {
		where += "." + strings.Join(at, ".")
	}
	f := problem.Field{Path: where, Message: se.Reason}
	if se.Schema != nil && se.Schema.Pattern != "" {
		f.Allowed = "what matches " + se.Schema.Pattern
	}
	return f
}

// firstLine keeps the values that kin-openapi prints on the lines after out of
// the answer.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func summary(fields []problem.Field) string {
	first := fields[0].Path + " " + fields[0].Message
	if len(fields) > 1 {
		return fmt.Sprintf("%s (and %d more)", first, len(fields)-1)
	}
	return first
}
