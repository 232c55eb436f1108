package vms

import (
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func TestAContainerThatHasOurVMsNumberByNowIsNamedAndKeepsNobodyFromGoingOn(t *testing.T) {
	t.Parallel()
	for _, state := range []State{StateReady, StateCreating, StateDeleting} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			n := start(t, pve.Options{})
			s, ctx := small("alpha", 110), t.Context()
			n.ensure(s)
			rec, _, _ := n.records.Get(s.Name)
			rec.State = state
			if err := n.records.Put(rec); err != nil {
				t.Fatal(err)
			}
			n.admin("DELETE", "/nodes/pve/qemu/110", "")
			if err := n.PutOther(pve.Other{ID: 110, Type: "lxc", Node: "pve", Name: "web"}); err != nil {
				t.Fatal(err)
			}
			_, looked := n.Look(ctx, s)
			_, made := n.Ensure(ctx, s, Consent{})
			for _, err := range []error{looked, made} {
				if !Is(err, KindTaken) || !strings.Contains(err.Error(), "container 110 (web) on pve") {
					t.Errorf("%v", err)
				}
			}
			if err := n.Start(ctx, s.Name); !Is(err, KindGone) {
				t.Errorf("a start: %v", err)
			}
			if err := n.Delete(ctx, s.Name, 0); err != nil {
				t.Errorf("a delete of what is gone: %v", err)
			}
			n.nothingLeft()
			s.ID = 111
			n.ensure(s)
		})
	}
}

func TestAVMThatWasMigratedAwayIsNamedWithItsNodeAndNotForgotten(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	s, ctx := small("alpha", 110), t.Context()
	n.ensure(s)
	if err := n.PutOther(pve.Other{ID: 110, Type: "qemu", Node: "other", Name: "alpha"}); err != nil {
		t.Fatal(err)
	}
	_, looked := n.Look(ctx, s)
	_, made := n.Ensure(ctx, s, Consent{Recreate: true})
	for what, err := range map[string]error{"a look": looked, "an apply": made, "a start": n.Start(ctx, s.Name), "a delete": n.Delete(ctx, s.Name, 0)} {
		if !Is(err, KindNotOurs) || !strings.Contains(err.Error(), "VM 110 (alpha) on other is not on pve") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, there, _ := n.records.Get(s.Name); !there {
		t.Error("the VM was forgotten")
	}
}

func TestATemplateIsNotAdopted(t *testing.T) {
	t.Parallel()
	n := start(t, pve.Options{})
	n.admin("POST", "/nodes/pve/qemu", `{"vmid":112,"name":"cp-112"}`)
	n.admin("POST", "/nodes/pve/qemu/112/template", "{}")
	if _, err := n.LookAdopt(t.Context(), spec(112)); !Is(err, KindState) || !strings.Contains(err.Error(), "template") {
		t.Errorf("%v", err)
	}
}
