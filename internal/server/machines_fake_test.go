package server

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/platform/platformfile"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// fakeMachines is a node with one VM, some-vm, and no image.
type fakeMachines struct {
	store  *platformfile.Store
	absent bool // there is no token
	asked  []string
}

func (f *fakeMachines) ready(vm string) error {
	if _, _, _, err := f.store.Read(); err != nil {
		return err
	}
	switch {
	case f.absent:
		return problem.New(problem.NeedsNotDone, "make one", "there is no token")
	case vm != "" && vm != "some-vm":
		return problem.New(problem.NotFound, "list them", "there is no VM %q", vm)
	}
	return nil
}

var someVM = api.VM{ID: 102, Name: "some-vm", State: api.VMStateRunning, Ours: true, Wanted: true, Cores: 2, MemoryBytes: 1 << 31}

func (f *fakeMachines) VMs(context.Context) ([]api.VM, error) { return []api.VM{someVM}, f.ready("") }

func (f *fakeMachines) VM(_ context.Context, name string) (api.VMDetail, error) {
	return api.VMDetail{
		VM: someVM, Differences: []api.Difference{{Kind: api.DifferenceKindManual, Object: "cores", Is: "1", Want: "2"}}, Notes: []string{},
		Snapshots:  []api.VMSnapshot{{Name: "some-snapshot", Taken: time.Unix(1_795_500_000, 0).UTC()}},
		Interfaces: []api.VMInterface{{Name: "eth0", Mac: "bc:24:11:00:00:01", Addresses: []string{"10.10.0.2/24"}}}, Agent: true, Console: "https://pve:8006/?vmid=102",
	}, f.ready(name)
}

func (f *fakeMachines) Adoption(_ context.Context, name string) (api.VMAdoption, error) {
	return api.VMAdoption{ID: 102, Name: name, Digest: "abc", Differences: []api.Difference{}, Notes: []string{}}, f.ready(name)
}

func (f *fakeMachines) Images(context.Context) ([]api.Image, error) {
	return []api.Image{}, f.ready("")
}

func (f *fakeMachines) Prepare(_ context.Context, verb, subject string, a machines.Args) (engine.Action, error) {
	f.asked = append(f.asked, verb+" "+subject)
	vm := subject
	if strings.HasPrefix(verb, "image.") {
		vm = ""
	}
	if subject == "moon" {
		return engine.Action{}, problem.New(problem.NotFound, "there are debian and talos", "there is no image %q", subject)
	}
	return engine.Action{Verb: verb, Subject: subject}, f.ready(vm)
}

// actions are one step each, which is done once it was applied.
func (w *world) actions(_ context.Context, a engine.Action) (*engine.Graph, error) {
	done := false
	return engine.NewGraph("r1", []engine.Step{{
		ID: a.Verb + "/" + a.Subject, Phase: 2, Title: a.Verb, Area: "vms",
		Check: func(context.Context) (engine.Result, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if done {
				return engine.IsDone(), nil
			}
			return engine.Found(engine.Difference{Kind: engine.Change, Object: a.Subject}), nil
		},
		Apply: func(context.Context, *engine.Run) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			done = true
			return nil
		},
	}})
}

// vmCalls are all calls of VMs and images, with what they need.
var vmCalls = []struct{ method, path, body string }{
	{"GET", "/v1/vms", ""},
	{"GET", "/v1/vms/some-vm", ""},
	{"GET", "/v1/vms/some-vm/adoption", ""},
	{"GET", "/v1/images", ""},
	{"POST", "/v1/vms/some-vm/power", `{"action":"shutdown","graceSeconds":30,"force":true}`},
	{"POST", "/v1/vms/some-vm/recreate", `{"confirm":"some-vm"}`},
	{"POST", "/v1/vms/some-vm/adoption", `{"digest":"abc"}`},
	{"POST", "/v1/vms/some-vm/snapshots", `{"name":"some-snapshot"}`},
	{"POST", "/v1/vms/some-vm/snapshots/some-snapshot/rollback", `{"start":true}`},
	{"DELETE", "/v1/vms/some-vm/snapshots/some-snapshot", ""},
	{"DELETE", "/v1/vms/some-vm?confirm=some-vm", ""},
	{"POST", "/v1/images/debian/pull", ""},
	{"POST", "/v1/images/prune", `{"all":true}`},
}

// acting runs through everything that is asked of VMs and images.
func acting(t *testing.T, w *world) {
	c := w.root()
	w.machines.absent = true
	for _, call := range vmCalls {
		c.do(call.method, call.path, call.body).problem(409, "needs_not_done")
	}
	w.machines.absent = false
	w.withDocument("kind: Platfrom\n", func() {
		for _, call := range vmCalls {
			c.do(call.method, call.path, call.body).problem(422, "invalid_platform")
		}
	})
	w.withDocument("", func() {
		for _, call := range vmCalls {
			c.do(call.method, call.path, call.body).problem(404, "no_platform")
		}
	})
	w.machines.asked = nil
	for _, call := range vmCalls {
		if call.method == "GET" {
			c.do(call.method, call.path, call.body).want(200)
			continue
		}
		op := c.do(call.method, call.path, call.body).want(202).operation()
		if op.Kind != api.OperationKindAction || op.Action == nil {
			t.Errorf("%s %s: the operation is %+v", call.method, call.path, op)
		}
		if _, err := w.engine.Wait(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
		sep := "?"
		if strings.Contains(call.path, "?") {
			sep = "&"
		}
		c.do(call.method, call.path+sep+"wait=60s", call.body).want(200)
	}
	slices.Sort(w.machines.asked)
	if asked := slices.Compact(w.machines.asked); len(asked) != 9 || !slices.Contains(asked, "vm.shutdown some-vm") || !slices.Contains(asked, "image.prune images") {
		t.Errorf("what was asked for: %v", asked)
	}
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/vms/nothing", ""}, {"POST", "/v1/images/moon/pull", ""}, {"DELETE", "/v1/vms/nothing?confirm=nothing", ""},
	} {
		c.do(call.method, call.path, call.body).problem(404, "not_found")
	}
	for _, call := range []struct{ method, path, body string }{
		{"DELETE", "/v1/vms/some-vm?confirm=other", ""}, {"DELETE", "/v1/vms/some-vm", ""}, {"POST", "/v1/vms/some-vm/recreate", `{"confirm":"other"}`},
		{"POST", "/v1/vms/some-vm/power", `{"action":"explode"}`}, {"POST", "/v1/vms/some-vm/power", `{"action":"reboot","graceSeconds":0}`},
	} {
		c.do(call.method, call.path, call.body).problem(400, "invalid_request")
	}
}
