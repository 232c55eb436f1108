package storage

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
)

// aMinute is how long what has to come is waited for.
func aMinute(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// served waits until a service serves, and more.
func (h *host) served(s *Service, like func(Endpoint) bool) {
	h.t.Helper()
	if e, err := s.await(aMinute(h.t), func(e Endpoint) bool { return e.Serving && like(e) }); err != nil {
		h.t.Fatalf("not served: %v: %+v", err, e)
	}
}

func anyhow(Endpoint) bool { return true }

// edited is the document with a change of its storage.
func (h *host) edited(change func(*platform.Storage)) *platform.Platform {
	p := h.doc.Clone()
	change(&p.Spec.Storage)
	return p
}

// lost are the changes of the document after which nobody would find the volumes
// that are there.
var lost = map[string]func(*platform.Storage){
	"spec.storage.dataset": func(s *platform.Storage) { s.Dataset = "rpool/other" },
	"spec.storage.iqnBase": func(s *platform.Storage) { s.IQNBase = "iqn.2026-01.social.other" },
	"spec.storage.portal":  func(s *platform.Storage) { s.Portal = netip.MustParseAddrPort("10.10.0.1:3261") },
}

func TestADocumentThatWouldLoseVolumesIsAConflictAndTheVolumesStay(t *testing.T) {
	for path, change := range lost {
		t.Run(path, func(t *testing.T) {
			ctx, h := context.Background(), newHost(t)
			s := h.service()
			stop := h.run(s)
			must(t, s.ApplyDataset(ctx, h.doc, false))
			must(t, s.ApplyTarget(ctx, h.doc, false))
			b, err := s.Backend()
			must(t, err)
			must(t, h.driver(b).CreateVolume("pvc-1", size))
			before, was := h.state(), h.doc

			h.doc = h.edited(change)
			s.PlatformChanged()
			f, err := s.LookDataset(ctx, h.doc)
			must(t, err)
			if i := slices.IndexFunc(f.Differences, func(d engine.Difference) bool { return d.Object == path }); i < 0 || f.Differences[i].Kind != engine.Conflict || !strings.Contains(f.Differences[i].Note, "1 volume is") {
				t.Errorf("the plan says %+v", f.Differences)
			}
			var conflict *ConflictError
			if err := s.ApplyDataset(ctx, h.doc, true); !errors.As(err, &conflict) {
				t.Errorf("the apply: %v", err)
			}
			if f, err := s.LookTarget(ctx, h.doc); err != nil || len(f.Differences) != 0 {
				t.Errorf("the targets differ: %+v %v", f.Differences, err)
			}
			must(t, s.ApplyTarget(ctx, h.doc, false)) // what the reconciler does about drift
			if now, err := s.Backend(); err != nil || now != b {
				t.Errorf("another backend, with locks of its own: %v", err)
			}
			st, err := s.Status(ctx)
			must(t, err)
			if !strings.Contains(strings.Join(st.Faults, "\n"), path) || st.Volumes != 1 || st.Orphans != 0 {
				t.Errorf("status: %+v", st)
			}
			if s.Portal(h.doc) != was.Spec.Storage.Portal {
				t.Errorf("the firewall would let nodes to %s alone", s.Portal(h.doc))
			}
			if h.state() != before {
				t.Fatalf("changed:\n%s\nwas\n%s", h.state(), before)
			}

			stop()
			h.boot()
			again := h.service()
			h.run(again)
			h.served(again, anyhow)
			if h.state() != before {
				t.Fatalf("after a boot:\n%s\nwas\n%s", h.state(), before)
			}

			b, err = again.Backend()
			must(t, err)
			must(t, h.driver(b).DeleteVolume("pvc-1"))
			must(t, again.ApplyDataset(ctx, h.doc, false))
			must(t, again.ApplyTarget(ctx, h.doc, false))
			if b, err = again.Backend(); err != nil || identityOf(again.recorded()) != identityOf(h.doc) || b.zfs.Root().String() != string(h.doc.Spec.Storage.Dataset) {
				t.Errorf("without volumes it is not followed: %v", err)
			}
		})
	}
}

// TestVolumesAreExportedAtABootWhateverTheDocumentLooksLike has somebody save a
// document with a mistake in it, or none, and the host reboot.
func TestVolumesAreExportedAtABootWhateverTheDocumentLooksLike(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	stop := h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	b, err := s.Backend()
	must(t, err)
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	before, doc := h.state(), h.doc
	stop()
	h.boot()

	again := h.service()
	again.o.Platform = func() (*platform.Platform, error) {
		return nil, problem.New(problem.InvalidPlatform, "", "line 3 is no YAML")
	}
	h.run(again)
	h.served(again, anyhow)
	if h.state() != before {
		t.Errorf("after a boot:\n%s\nwas\n%s", h.state(), before)
	}
	st, err := again.Status(ctx)
	must(t, err)
	if !strings.Contains(strings.Join(st.Faults, "\n"), "line 3 is no YAML") || st.Volumes != 1 {
		t.Errorf("status: %+v", st)
	}
	if p, err := again.Platform(); err != nil || identityOf(p) != identityOf(doc) {
		t.Errorf("%v", err)
	}
}

func TestARecordThatCannotBeReadLeavesTheDocumentAlone(t *testing.T) {
	h := newHost(t)
	s := h.applied()
	for _, text := range []string{"", "The storage endpoint is served.\n", "spec: [", "spec:\n  storage:\n    dataset: elsewhere/else\n"} {
		must(t, os.WriteFile(h.machine().servedFile(), []byte(text), 0o600))
		if p, err := s.Platform(); err != nil || identityOf(p) != identityOf(h.doc) {
			t.Errorf("with the record %q: %v", text, err)
		}
	}
}

// TestAPoolThatIsNotImportedYetIsNoReasonToForgetItsVolumes: zfs says of it that
// the dataset does not exist.
func TestAPoolThatIsNotImportedYetIsNoReasonToForgetItsVolumes(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.applied()
	b, err := s.Backend()
	must(t, err)
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	m := h.machine()
	m.ZFS, m.Pool = absent{}, noPool
	late := NewService(ServiceOptions{Machine: m, Platform: s.o.Platform, Log: s.o.Log})
	edited := h.edited(lost["spec.storage.iqnBase"])
	if _, conflicts, err := late.standing(ctx, edited); err == nil {
		t.Errorf("it was followed: %+v", conflicts)
	}
}

// TestAFullDiskKeepsNoVolumeFromBeingExported: the record of an edited document
// cannot be written then.
func TestAFullDiskKeepsNoVolumeFromBeingExported(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	s := h.service()
	stop := h.run(s)
	must(t, s.ApplyDataset(ctx, h.doc, false))
	must(t, s.ApplyTarget(ctx, h.doc, false))
	b, err := s.Backend()
	must(t, err)
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	before := h.tree.String()
	stop()
	h.boot()
	h.doc = h.edited(func(s *platform.Storage) { s.MaxVolumes = 7 })
	h.seam = func(op string) error {
		if op == "storage:served" {
			return errors.New("no space left on device")
		}
		return nil
	}
	again := h.service()
	h.run(again)
	h.served(again, anyhow)
	if h.tree.String() != before {
		t.Errorf("after a boot:\n%s\nwas\n%s", h.tree, before)
	}
}
