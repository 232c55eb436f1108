package storage

import (
	"context"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/iscsi"
)

// TestABaseNameThatThePlatformTakesIsOneThatTargetsCanHave keeps the two rules
// together: a document that is taken must not fail when it is applied.
func TestABaseNameThatThePlatformTakesIsOneThatTargetsCanHave(t *testing.T) {
	text, err := os.ReadFile("../../examples/waddle-social.yaml")
	must(t, err)
	with := func(base string) (*platform.Platform, error) {
		return platform.Parse("platform.yaml", []byte(strings.Replace(string(text), "spec:\n", "spec:\n  storage:\n    iqnBase: '"+base+"'\n", 1)))
	}
	taken, refusedOnes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.StringMatching(`iqn\.20[0-9]{2}-(01|12|13)\.[a-z0-9-]{1,4}(\.[a-z0-9-]{1,4}){0,3}(:[a-z0-9:.-]{0,4})?`).Draw(t, "base")
		if _, err := with(base); err != nil {
			refusedOnes++
			return
		}
		taken++
		b, err := iscsi.ParseBase(base)
		if err != nil {
			t.Fatalf("the platform takes %q: %v", base, err)
		}
		if _, err := b.Target("pvc-0f0e0d0c-0b0a-0908-0706-050403020100"); err != nil {
			t.Fatal(err)
		}
	})
	if taken < 5 || refusedOnes < 5 {
		t.Errorf("%d taken, %d refused: one side was not looked at", taken, refusedOnes)
	}
	if _, err := with("iqn.2026-01.waddle"); err == nil {
		t.Error("a base of one label is taken, which targetcli could not show")
	}
}

func TestThePlatformsLimitsBoundWhatIsPromised(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	h.doc.Spec.Storage.Overcommit, h.doc.Spec.Storage.MaxVolumes = 200, 2
	b := h.ready()
	_, err := b.Create(ctx, CreateRequest{Name: "a", Size: 100 << 30}) // of a pool of 64 GiB
	must(t, err)
	_, err = b.Create(ctx, CreateRequest{Name: "b", Size: 100 << 30})
	if p := refused(t, err, problem.NoSpace); !strings.Contains(p.Hint, "spec.storage.overcommit") {
		t.Errorf("hint %q", p.Hint)
	}
	_, err = b.Create(ctx, CreateRequest{Name: "b", Size: size})
	must(t, err)
	_, err = b.Create(ctx, CreateRequest{Name: "c", Size: size})
	refused(t, err, problem.NoSpace)
	if err := h.driver(b).CreateVolume("pvc-1", size); err == nil {
		t.Error("democratic-csi makes more volumes than the platform allows")
	}
}
