package server

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/server/api"
)

// badNames are names that no volume may have. What is left out of a path, an
// empty name, is in the body.
var badNames = map[string]string{
	"two dots":               "..",
	"a way up":               "../rpool/ROOT",
	"a way up in the middle": "a/../../ROOT",
	"a slash":                "a/b",
	"a snapshot's sign":      "a@b",
	"all snapshots":          "a@%",
	"a per cent sign":        "a%b",
	"a list":                 "a,b",
	"a bookmark":             "a#b",
	"a new line":             "a\nb",
	"a NUL":                  "a\x00b",
	"10,000 characters":      strings.Repeat("a", 10_000),
	"letters with dots":      "vólume",
	"a line of Chinese":      "卷",
	"half of a character":    "a\xff",
	"a right-to-left sign":   "a\u202eb",
	"a space":                "a b",
	"a leading dash":         "-rf",
	"a command":              "a;reboot",
	"an expansion":           "$(reboot)",
	"a quote":                `a"b`,
	"an apostrophe":          "a'b",
}

func TestNamesThatCannotBeAreRefusedEverywhereAndNothingChanges(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	c.do("POST", "/v1/storage/volumes", `{"name":"kept","sizeBytes":16384}`).want(201)
	c.do("POST", "/v1/storage/volumes/kept/snapshots", `{"name":"kept"}`).want(201)
	before := w.storage.String()
	rows := 0
	for what, name := range badNames {
		body := strconv.QuoteToASCII(name)
		if strings.Contains(name, "\xff") {
			body = `"` + name + `"` // as it is: JSON's decoder has to deal with it
		}
		body = strings.ReplaceAll(body, `\x00`, `\u0000`)
		in := url.PathEscape(name)
		for _, call := range []struct{ method, path, body string }{
			{"POST", "/v1/storage/volumes", `{"name":` + body + `,"sizeBytes":16384}`},
			{"POST", "/v1/storage/volumes/kept/clone", `{"name":` + body + `}`},
			{"POST", "/v1/storage/volumes/kept/clone", `{"name":"copy","snapshot":` + body + `}`},
			{"POST", "/v1/storage/volumes/kept/snapshots", `{"name":` + body + `}`},
			{"POST", "/v1/storage/volumes/kept/rollback", `{"confirm":"kept","snapshot":` + body + `}`},
			{"GET", "/v1/storage/volumes/" + in, ""},
			{"DELETE", "/v1/storage/volumes/" + in + "?force=true&unclaimed=true&snapshots=true&confirm=" + url.QueryEscape(name), ""},
			{"POST", "/v1/storage/volumes/" + in + "/resize", `{"sizeBytes":32768}`},
			{"POST", "/v1/storage/volumes/" + in + "/clone", `{"name":"copy"}`},
			{"POST", "/v1/storage/volumes/" + in + "/move", ""},
			{"POST", "/v1/storage/volumes/" + in + "/rollback", `{"snapshot":"kept","confirm":` + body + `}`},
			{"POST", "/v1/storage/volumes/" + in + "/snapshots", `{"name":"copy"}`},
			{"DELETE", "/v1/storage/volumes/kept/snapshots/" + in, ""},
		} {
			r := c.do(call.method, call.path, call.body)
			rows++
			if r.status != 400 && r.status != 404 {
				t.Errorf("%s: %s %.60s: got %d %s", what, call.method, call.path, r.status, r.body)
				continue
			}
			if call.body != "" && !strings.Contains(call.path, in) && r.status != 400 {
				t.Errorf("%s: a bad name in the body of %s is answered with %d", what, call.path, r.status)
			}
			var p api.Problem
			r.decode(&p)
			if p.Hint == "" || len(p.Detail) > 2000 {
				t.Errorf("%s: %s %.60s: the refusal has the hint %q and %d bytes of detail", what, call.method, call.path, p.Hint, len(p.Detail))
			}
		}
	}
	if after := w.storage.String(); after != before {
		t.Errorf("the pool was\n%sand is\n%s", before, after)
	}
	for line := range strings.Lines(w.log.String()) {
		if len(line) > 2000 {
			t.Errorf("a request filled the log with %d bytes: %.200s…", len(line), line)
		}
	}
	t.Logf("%d calls with %d bad names were refused", rows, len(badNames))
}

func TestNewVolumesHaveNamesThatATargetCanHave(t *testing.T) {
	w := newWorld(t).withPlatform()
	for _, name := range []string{"", "A", "a_b", "a.b", "a:b", "-a", "a-", strings.Repeat("a", 64)} {
		w.root().do("POST", "/v1/storage/volumes", fmt.Sprintf(`{"name":%q,"sizeBytes":16384}`, name)).problem(400, "invalid_request")
	}
	for _, name := range []string{"a", "0", "a-b", strings.Repeat("a", 63)} {
		w.root().do("POST", "/v1/storage/volumes", fmt.Sprintf(`{"name":%q,"sizeBytes":16384}`, name)).want(201)
	}
}

func TestSizesThatCannotBeAreRefused(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	c.do("POST", "/v1/storage/volumes", `{"name":"kept","sizeBytes":32768}`).want(201)
	for _, row := range []struct {
		name, size string
		status     int
		code       string
	}{
		{"nothing", "0", 400, "invalid_request"},
		{"less than nothing", "-16384", 400, "invalid_request"},
		{"less than a block", "1", 400, "invalid_request"},
		{"no multiple of the block", "32769", 400, "invalid_request"},
		{"a fraction", "32768.5", 400, "invalid_request"},
		{"a text", `"32768"`, 400, "invalid_request"},
		{"a size with a unit", `"1Gi"`, 400, "invalid_request"},
		{"null", "null", 400, "invalid_request"},
		{"beyond the pool", "1099511627776", 409, "no_space"},
		{"beyond what a double holds", "9007199254757376", 400, "invalid_request"},
		{"beyond 64 bits", "18446744073709551616", 400, "invalid_request"},
		{"beyond a float", "1e999", 400, "invalid_request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c.do("POST", "/v1/storage/volumes", `{"name":"new","sizeBytes":`+row.size+`}`).problem(row.status, row.code)
			c.do("POST", "/v1/storage/volumes/kept/resize", `{"sizeBytes":`+row.size+`}`).problem(row.status, row.code)
		})
	}
	c.do("POST", "/v1/storage/volumes/kept/resize", `{"sizeBytes":16384}`).problem(400, "invalid_request")
	c.do("POST", "/v1/storage/volumes", `{"name":"new"}`).problem(400, "invalid_request")
	c.do("POST", "/v1/storage/volumes", `{"name":"new","sizeBytes":16384,"volblocksize":512}`).problem(400, "invalid_request")
	if got := w.storage.String(); got != "kept 32768\n" && got != "kept 1099511627776\n" {
		t.Errorf("the pool is %q", got)
	}
}

func TestOfTwoCreatesOfOneNameOneWins(t *testing.T) {
	w := newWorld(t).withPlatform()
	const n = 8
	statuses := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		c := w.root()
		wg.Go(func() {
			r, err := c.try("POST", "/v1/storage/volumes", `{"name":"one","sizeBytes":16384}`, fmt.Sprintf("Idempotency-Key: create-%d", i))
			if err == nil {
				statuses[i] = r.status
			}
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	want := append([]int{201}, slices.Repeat([]int{409}, n-1)...)
	if !slices.Equal(statuses, want) {
		t.Errorf("the statuses are %v", statuses)
	}
}

func TestWhatATokenMayDoWithVolumes(t *testing.T) {
	w := newWorld(t).withPlatform()
	read, _ := w.token("r", "read")
	operate, _ := w.token("o", "operate")
	admin, _ := w.token("a", "admin")
	for _, row := range []struct {
		call, body string
		scope      string
		status     int
	}{
		{"GET /v1/storage", "", "read", 200},
		{"GET /v1/storage/volumes", "", "read", 200},
		{"GET /v1/storage/sessions", "", "read", 200},
		{"GET /v1/storage/orphans", "", "read", 200},
		{"GET /v1/storage/adoption", "", "read", 200},
		{"GET /v1/storage/csi-values", "", "read", 200},
		{"POST /v1/storage/volumes", `{"name":"v","sizeBytes":16384}`, "operate", 201},
		{"GET /v1/storage/volumes/v", "", "read", 200},
		{"POST /v1/storage/volumes/v/resize", `{"sizeBytes":32768}`, "operate", 200},
		{"POST /v1/storage/volumes/v/snapshots", `{"name":"s"}`, "operate", 201},
		{"POST /v1/storage/volumes/v/clone", `{"name":"copy"}`, "operate", 201},
		{"POST /v1/storage/volumes/v/move", "", "operate", 200},
		{"POST /v1/storage/repair?wait=60s", "", "operate", 200},
		{"POST /v1/storage/adoption?wait=60s", "", "operate", 200},
		{"POST /v1/storage/volumes/v/rollback", `{"snapshot":"s","confirm":"v"}`, "admin", 200},
		{"DELETE /v1/storage/volumes/v/snapshots/s", "", "admin", 204},
		{"DELETE /v1/storage/volumes/v?confirm=v", "", "admin", 204},
		{"GET /v1/storage/csi-values/revealed", "", "admin", 200},
	} {
		method, path, _ := strings.Cut(row.call, " ")
		scopes := []string{"read", "operate", "admin"}
		for i, secret := range []string{read, operate, admin} {
			if i < slices.Index(scopes, row.scope) {
				w.with(secret).do(method, path, row.body).problem(403, "forbidden")
			}
		}
		secret := map[string]string{"read": read, "operate": operate, "admin": admin}[row.scope]
		w.with(secret).do(method, path, row.body).want(row.status)
	}
}

func TestTheClientKeyIsInOneAnswerAndNowhereElse(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	const key = "Idempotency-Key: reveal-once"
	if r := c.do("GET", "/v1/storage/csi-values", "", key).want(200); strings.Contains(string(r.body), clientKey) {
		t.Error("the values have the client key without being asked for it")
	}
	r := c.do("GET", "/v1/storage/csi-values/revealed?snapshots=true", "", key).want(200)
	if !strings.Contains(string(r.body), clientKey) || !strings.Contains(string(r.body), "VolumeSnapshotClass") {
		t.Errorf("the revealed values are %s", r.body)
	}
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	if r := c.do("GET", "/v1/storage/csi-values/revealed", "", key).want(200); r.header.Get("Idempotency-Replayed") != "" {
		t.Error("the answer was kept for the key")
	}
	events := false
	for e, err := range w.engine.Events(t.Context(), engine.EventFilter{}) {
		w.must(err)
		events = events || strings.Contains(e.Message, "client key was read by")
		if strings.Contains(fmt.Sprint(e), "PRIVATE KEY") {
			t.Errorf("an event has the key: %v", e)
		}
		if events {
			break
		}
	}
	if !strings.Contains(w.log.String(), "client key was read") {
		t.Error("the log does not say who has read the key")
	}
	w.neverLogged("PRIVATE KEY", clientKey)
	w.must(w.stop())
	state, err := os.ReadFile(filepath.Join(w.dir, "state.db"))
	w.must(err)
	if strings.Contains(string(state), "PRIVATE KEY") {
		t.Error("the state file has the key")
	}
}

func TestADeleteNeedsTheNameTwiceAndSaysWhatStandsInTheWay(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	w.storage.put(api.Volume{Name: "pvc-1", SizeBytes: 16384, PersistentVolume: "pvc-1",
		Sessions:  []api.StorageSession{{Initiator: "iqn.2005-03.org.open-iscsi:n1", State: "LOGGED_IN", Addresses: []string{}}},
		Snapshots: []api.VolumeSnapshot{{Name: "s"}}})
	before := w.storage.String()
	const path = "/v1/storage/volumes/pvc-1"
	c.do("DELETE", path, "").problem(400, "invalid_request")
	if p := c.do("DELETE", path+"?confirm=pvc-2", "").problem(400, "invalid_request"); len(p.Fields) != 1 || p.Fields[0].Path != "query.confirm" {
		t.Errorf("the refusal does not say what is wrong: %+v", p)
	}
	c.do("DELETE", path+"?confirm=pvc-1&force=yes", "").problem(400, "invalid_request")
	c.do("DELETE", path+"?confirm=pvc-1&froce=true", "").problem(400, "invalid_request")
	for _, flags := range []string{"", "&force=true", "&force=true&unclaimed=true", "&unclaimed=true&snapshots=true"} {
		c.do("DELETE", path+"?confirm=pvc-1"+flags, "").problem(409, "in_use")
	}
	c.do("POST", path+"/rollback", `{"snapshot":"s","confirm":"pvc-2"}`).problem(400, "invalid_request")
	if after := w.storage.String(); after != before {
		t.Errorf("something was changed: %q", after)
	}
	c.do("DELETE", path+"?confirm=pvc-1&force=true&unclaimed=true&snapshots=true", "").want(204)
	if after := w.storage.String(); after != "" {
		t.Errorf("the pool still has %q", after)
	}
}

func TestARetriedCreateIsAnsweredAsTheFirst(t *testing.T) {
	w := newWorld(t).withPlatform()
	const body, key = `{"name":"v","sizeBytes":16384}`, "Idempotency-Key: job-4711"
	w.root().do("POST", "/v1/storage/volumes", body, key).want(201)
	if r := w.root().do("POST", "/v1/storage/volumes", body, key).want(201); r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the retry was carried out")
	}
	w.root().do("POST", "/v1/storage/volumes", body).problem(409, "conflict")
}

func TestAVolumeElsewhereIsCalledByWhereItIs(t *testing.T) {
	w := newWorld(t).withPlatform()
	c := w.root()
	const name = "k8s-csi~old~db"
	w.storage.put(api.Volume{Name: "db"})
	w.storage.put(api.Volume{Name: name, Dataset: "rpool/k8s-csi/old/db"})
	var v api.Volume
	c.do("GET", "/v1/storage/volumes/"+name, "").want(200).decode(&v)
	if v.Dataset != "rpool/k8s-csi/old/db" {
		t.Errorf("got %+v", v)
	}
	c.do("DELETE", "/v1/storage/volumes/"+name+"?confirm=db", "").problem(400, "invalid_request")
	c.do("DELETE", "/v1/storage/volumes/"+name+"?confirm="+name, "").want(204)
	c.do("GET", "/v1/storage/volumes/db", "").want(200)
	c.do("POST", "/v1/storage/volumes", `{"name":"k8s-csi~old~db","sizeBytes":16384}`).problem(400, "invalid_request")
	c.do("GET", "/v1/storage/volumes/~old", "").problem(400, "invalid_request")
}

// Whatever comes and goes between two pages, a volume that is there all the time
// is on exactly one of them.
func TestPagesMissNoVolume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-c][a-c_.:~-]{0,3}`)
		names := rapid.SliceOfN(name, 1, 20).Draw(t, "names")
		var all []api.Volume
		count := map[string]int{}
		for _, n := range names {
			if count[n]++; count[n] > 2 {
				continue // an older host's and a new one: more of one name there cannot be
			}
			all = append(all, api.Volume{Name: n, Dataset: "rpool/k8s-csi/" + strings.Repeat("v/", 2-count[n]) + n})
		}
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		stays := rapid.SliceOfN(rapid.Bool(), len(all), len(all)).Draw(t, "stays")
		seen := map[string]int{}
		p := api.ListVolumesParams{Limit: &limit}
		present := all
		for {
			list := volumePage(present, p)
			if len(list.Volumes) > limit {
				t.Fatalf("a page of %d has %d volumes", limit, len(list.Volumes))
			}
			for _, v := range list.Volumes {
				seen[v.Dataset]++
			}
			if list.Next == "" {
				break
			}
			p.Page = &list.Next
			present = nil
			for i, v := range all { // those that do not stay go after the first page
				if stays[i] || count[v.Name] > 1 {
					present = append(present, v)
				}
			}
		}
		for i, v := range all {
			if n := seen[v.Dataset]; n > 1 || n == 0 && stays[i] {
				t.Fatalf("%s was on %d pages", v.Dataset, n)
			}
		}
	})
}
