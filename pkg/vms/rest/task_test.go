package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/pkg/vms/rest"
)

const followed = "UPID:pve:00000001:00000002:65000000:qmcreate:110:waddle@pve!daemon-1:"

// growing is a task whose log has 700 lines more at each look, and which ends at the third with exit.
func growing(exit string, logStatus int) http.HandlerFunc {
	looks := 0
	return func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/log") {
			looks++
			answer(rw, map[string]any{"status": map[bool]string{true: "stopped", false: "running"}[looks == 3], "exitstatus": exit})
			return
		}
		if logStatus != http.StatusOK {
			rw.WriteHeader(logStatus)
			return
		}
		start, _ := strconv.Atoi(r.URL.Query().Get("start"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		var page []map[string]any
		for n := start + 1; n <= min(start+limit, looks*700); n++ {
			page = append(page, map[string]any{"n": n, "t": fmt.Sprintf("line %d\n", n)})
		}
		answer(rw, page)
	}
}

func TestATasksLogIsReadToItsEndAndEachLineOnce(t *testing.T) {
	c, _ := node(t, growing("it broke", http.StatusOK))
	var seen []string
	err := c.Follow(t.Context(), followed, rest.Watch{Lines: func(lines []string) { seen = append(seen, lines...) }})
	var failed *rest.TaskError
	if !errors.As(err, &failed) || failed.Exit != "it broke" || strings.Join(failed.Log, ",") != "line 2096,line 2097,line 2098,line 2099,line 2100" {
		t.Errorf("%v", err)
	}
	if len(seen) != 2100 {
		t.Errorf("%d lines", len(seen))
	}
	for i, line := range seen {
		if line != fmt.Sprintf("line %d", i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
}

func TestALogThatCannotBeReadDoesNotMakeATaskFail(t *testing.T) {
	c, _ := node(t, growing("OK", http.StatusInternalServerError))
	if err := c.Follow(t.Context(), followed, rest.Watch{}); err != nil {
		t.Error(err)
	}
}

func TestWhoStopsWaitingForATaskIsToldThatItGoesOnAndWhy(t *testing.T) {
	c, _ := node(t, func(rw http.ResponseWriter, _ *http.Request) { answer(rw, map[string]any{"status": "running"}) })
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	looks := 0
	err := c.Follow(ctx, followed, rest.Watch{Read: func(ctx context.Context, path string, out any) error {
		if looks++; looks == 5 {
			cancel(enough)
		}
		return c.Do(ctx, http.MethodGet, path, nil, out)
	}})
	if !errors.Is(err, enough) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), followed+", which goes on") {
		t.Errorf("%v", err)
	}
}
