package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/internal/lab"
)

// The volume and the snapshot of the tests.
const (
	volume     = "some-volume"
	snapshot   = "some-snapshot"
	volumePath = "/v1/storage/volumes/" + volume
)

// storageBodies are what the calls of the storage are sent with.
var storageBodies = map[string]string{
	"postVolume": `{"name":"` + volume + `","sizeBytes":16777216}`, "postVolumeResize": `{"sizeBytes":33554432}`,
	"postVolumeClone": `{"name":"some-copy"}`, "postVolumeRollback": `{"snapshot":"` + snapshot + `","confirm":"` + volume + `"}`,
	"postVolumeSnapshot": `{"name":"` + snapshot + `"}`,
}

// everyStorageCall wants all of them refused with the code, save those that are
// answered all the same.
func (x *exchanges) everyStorageCall(status int, code string, answered ...string) {
	x.t.Helper()
	for _, op := range x.all.Operations() {
		if !strings.HasPrefix(op.Path, "/v1/storage") {
			continue
		}
		r := x.root.do(op.Method, pathOf(op), storageBodies[op.ID])
		if slices.Contains(answered, op.ID) {
			r.want(200)
			continue
		}
		r.problem(status, code)
	}
}

// volumes makes a volume, does everything with it and deletes it again.
func (x *exchanges) volumes() {
	c := x.root
	const key = "Idempotency-Key: one-volume"
	c.do("POST", "/v1/storage/volumes", storageBodies["postVolume"], key).want(201)
	c.do("POST", "/v1/storage/volumes", `{"name":"other","sizeBytes":16777216}`, key).problem(422, "idempotency_reused")
	c.do("POST", "/v1/storage/volumes", storageBodies["postVolume"]).problem(409, "conflict")
	var v client.Volume
	c.do("GET", volumePath, "").want(200).decode(&v)
	if v.State != client.VolumeStateReady || v.Target == nil || !v.Target.Enabled || v.Dataset != "rpool/k8s-csi/v/"+volume {
		x.t.Errorf("the new volume is %+v with target %+v", v, v.Target)
	}
	c.do("POST", volumePath+"/resize", storageBodies["postVolumeResize"]).want(200)
	c.do("POST", volumePath+"/snapshots", storageBodies["postVolumeSnapshot"]).want(201)
	c.do("POST", volumePath+"/rollback", storageBodies["postVolumeRollback"]).want(200)
	c.do("POST", volumePath+"/clone", storageBodies["postVolumeClone"]).want(201)
	c.do("POST", volumePath+"/move", "", "Idempotency-Key: one-move").want(200).decode(&v)
	if v.Dataset != "rpool/k8s-csi/v/"+volume {
		x.t.Errorf("a volume that is in its place was moved to %s", v.Dataset)
	}
	c.do("POST", "/v1/storage/volumes/some-copy/move", "", "Idempotency-Key: one-move").problem(422, "idempotency_reused")
	for _, path := range []string{"volumes", "volumes?state=ready&limit=1", "sessions", "orphans", "adoption", "csi-values?snapshots=true"} {
		c.do("GET", "/v1/storage/"+path, "").want(200)
	}
	for _, path := range []string{"repair", "adoption"} {
		x.both("POST", "/v1/storage/"+path, "")
	}
	c.do("DELETE", volumePath+"?confirm="+volume+"&snapshots=true", "").problem(409, "in_use")
	c.do("DELETE", "/v1/storage/volumes/some-copy?confirm=some-copy", "").want(204)
	c.do("DELETE", "/v1/storage/volumes/some-copy?confirm=some-copy", "").problem(404, "not_found")
	c.do("DELETE", volumePath+"/snapshots/waddle-clone-some-copy", "").problem(404, "not_found") // it went with the clone
	c.do("DELETE", volumePath+"?confirm="+volume, "").problem(409, "in_use")
	c.do("DELETE", volumePath+"/snapshots/"+snapshot, "").want(204)
	c.do("DELETE", volumePath+"/snapshots/"+snapshot, "").problem(404, "not_found")
	c.do("DELETE", volumePath+"?confirm="+volume, "").want(204)
	var s client.StorageStatus
	c.do("GET", "/v1/storage", "").want(200).decode(&s)
	if !s.Ready || s.Counts.Volumes != 0 || s.Counts.Targets != 0 || s.Counts.Orphans != 0 || len(s.Faults) != 0 {
		x.t.Errorf("the storage is %+v", s)
	}
}

// badVolumes are names and sizes that no volume may have.
var badVolumes = []struct{ what, name, size string }{
	{"two dots", "..", ""}, {"a way up", "../../ROOT", ""}, {"a slash", "a/b", ""}, {"a snapshot", "a@b", ""}, {"all snapshots", "a@%", ""},
	{"a per cent sign", "a%b", ""}, {"a list", "a,b", ""}, {"a new line", "a\nb", ""}, {"a NUL", "a\x00b", ""}, {"an option", "-r", ""},
	{"10,000 characters", strings.Repeat("a", 10_000), ""}, {"unicode", "volúmen", ""}, {"a right-to-left sign", "a\u202eb", ""},
	{"a command", "a;reboot", ""}, {"an expansion", "$(reboot)", ""}, {"no name", "", ""}, {"capitals", "Data", ""}, {"an underscore", "a_b", ""},
	{"nothing", "new", "0"}, {"less than nothing", "new", "-16384"}, {"no multiple of the block", "new", "16777217"},
	{"beyond the pool", "new", "1125899906842624"}, {"beyond 64 bits", "new", "18446744073709551616"}, {"a text", "new", `"16777216"`},
}

// The real daemon, on stand-ins for ZFS and the kernel's target, refuses what
// cannot be; nothing of it is half made.
func TestBadVolumesAreRefusedOnARealHostAndNothingIsHalfMade(t *testing.T) {
	h := newHost(t, lab.Options{Name: "badvolumes"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	c := h.overSocket()
	c.do("POST", "/v1/storage/volumes", `{"name":"kept","sizeBytes":16777216}`).want(201)
	c.do("POST", "/v1/storage/volumes/kept/snapshots", `{"name":"kept"}`).want(201)
	before := h.storage()
	calls := 0
	refused := func(what, method, path, body string) {
		t.Helper()
		r := c.do(method, path, body)
		calls++
		var p client.Problem
		r.decode(&p)
		if r.status != 400 && r.status != 404 && !(r.status == 409 && p.Code == "no_space") || p.Detail == "" || p.Hint == "" {
			t.Errorf("%s: %s %.60s: %d %.300s", what, method, path, r.status, r.body)
		}
	}
	for _, bad := range badVolumes {
		size := bad.size
		if size == "" {
			size = "16777216"
		}
		name, _ := json.Marshal(bad.name)
		refused(bad.what, "POST", "/v1/storage/volumes", fmt.Sprintf(`{"name":%s,"sizeBytes":%s}`, name, size))
		if bad.size != "" {
			refused(bad.what, "POST", "/v1/storage/volumes/kept/resize", `{"sizeBytes":`+size+`}`)
			continue
		}
		refused(bad.what, "POST", "/v1/storage/volumes/kept/clone", fmt.Sprintf(`{"name":%s}`, name))
		if bad.name == "" || bad.name == "Data" || bad.name == "a_b" {
			continue // what is asked for may have such a name, what is made may not
		}
		in := url.PathEscape(bad.name)
		refused(bad.what, "POST", "/v1/storage/volumes/kept/snapshots", fmt.Sprintf(`{"name":%s}`, name))
		refused(bad.what, "POST", "/v1/storage/volumes/kept/rollback", fmt.Sprintf(`{"confirm":"kept","snapshot":%s}`, name))
		refused(bad.what, "POST", "/v1/storage/volumes/"+in+"/move", "")
		refused(bad.what, "GET", "/v1/storage/volumes/"+in, "")
		refused(bad.what, "DELETE", "/v1/storage/volumes/"+in+"?force=true&unclaimed=true&snapshots=true&confirm="+url.QueryEscape(bad.name), "")
		refused(bad.what, "DELETE", "/v1/storage/volumes/kept/snapshots/"+in, "")
	}
	if after := h.storage(); after != before {
		t.Errorf("the storage was\n%s\nand is\n%s", before, after)
	}
	fmt.Printf("bad volumes: %d calls refused, nothing changed\n", calls)
}

// Callers that want one name at once get one volume: one of them makes it, the
// others are told that it is there.
func TestOfManyCreatesOfOneNameOnARealHostOneWins(t *testing.T) {
	h := newHost(t, lab.Options{Name: "onename"})
	h.start()
	h.setExample()
	h.apply(client.ApplyRequest{})
	const n, rounds = 6, 5
	for round := range rounds {
		name := "vol-" + strconv.Itoa(round)
		statuses := make([]int, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				r, err := h.api.PostVolumeWithResponse(context.WithoutCancel(t.Context()), nil, client.VolumeRequest{Name: name, SizeBytes: 16 << 20})
				switch p, refused := client.AsProblem(err); {
				case err == nil:
					statuses[i] = r.HTTPResponse.StatusCode
				case refused:
					statuses[i] = p.Status
				}
			})
		}
		wg.Wait()
		slices.Sort(statuses)
		if want := append([]int{201}, slices.Repeat([]int{409}, n-1)...); !slices.Equal(statuses, want) {
			t.Fatalf("round %d: the statuses are %v", round, statuses)
		}
	}
	s, err := h.api.GetStorageWithResponse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := s.JSON200.Counts; n.Volumes != rounds || n.Targets != rounds || n.Orphans != 0 {
		t.Errorf("there are %+v", n)
	}
	fmt.Printf("one name: %d callers at once, %d rounds, one volume each\n", n, rounds)
}
