package images

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Factory is a Talos Image Factory.
type Factory struct {
	URL  string       // https://factory.talos.dev
	HTTP *http.Client // default http.DefaultClient
}

// Register makes the schematic known to the factory, which may know it already, and returns its id. An image
// of a schematic that was never registered is a 404. The id has to be the one that is computed here: another
// one would be another image.
func (f Factory) Register(ctx context.Context, s Schematic) (id string, err error) {
	at := strings.TrimSuffix(f.URL, "/") + "/schematics"
	fail := func(format string, args ...any) error {
		return fmt.Errorf("cannot register the schematic at %s: %w", at, fmt.Errorf(format, args...))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(s.text()))
	if err != nil {
		return "", fail("%w", err)
	}
	if req.URL.Scheme != "https" {
		return "", fail("it is no https address")
	}
	req.Header.Set("Content-Type", "application/yaml")
	res, err := onlyHTTPS(f.HTTP).Do(req)
	if err != nil {
		return "", fail("%w", cause(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fail("%w", err)
	}
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
		return "", fail("it answers %s: %s; is each extension an official one of this factory?", res.Status, firstLine(raw))
	}
	var answer struct{ ID string }
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", fail("its answer is no JSON: %w", err)
	}
	if want := s.ID(); answer.ID != want {
		return "", fail("it calls it %q, it should be %s: the factory understands something else by it", answer.ID, want)
	}
	return answer.ID, nil
}

// firstLine is a server's text, short enough for an error.
func firstLine(raw []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(raw)), "\n")
	if r := []rune(line); len(r) > 200 {
		line = string(r[:197]) + "..."
	}
	return line
}
