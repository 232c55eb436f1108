package contract

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
)

// CheckResponse returns an error when a response is not as the contract says.
// A status that stands only under default has to be 500 or 503.
func (c *Call) CheckResponse(ctx context.Context, r *http.Request, status int, header http.Header, body []byte) error {
	listed := c.route.Operation.Responses.Value(strconv.Itoa(status)) != nil
	if !listed && status != http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		return fmt.Errorf("%s answered %d, which the contract does not list", c.Operation, status)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: c.input(r), Status: status, Header: header,
		Options: &openapi3filter.Options{
			MultiError:            true,
			IncludeResponseStatus: true,
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			ExcludeResponseBody:   isStream(header),
		},
		Body: io.NopCloser(bytes.NewReader(body)),
	}
	if err := openapi3filter.ValidateResponse(ctx, input); err != nil {
		return fmt.Errorf("%s answered %d, which is not as the contract says: %w", c.Operation, status, err)
	}
	return nil
}

func isStream(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// CheckEvents returns an error when a line of an event stream is not what the
// contract describes: fields of the HTML standard, data that is an Event.
func (c *Contract) CheckEvents(stream []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(stream))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "", "id", "event", "retry": // an empty name is a comment or the end of an event
		case "data":
			if err := c.checkEvent([]byte(value)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("an event stream has no field %q", name)
		}
	}
	return lines.Err()
}

func (c *Contract) checkEvent(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("the data of an event is no JSON: %w", err)
	}
	if err := c.doc.Components.Schemas["Event"].Value.VisitJSON(v); err != nil {
		return fmt.Errorf("an event is not as the contract says: %w", err)
	}
	return nil
}
