package storage

import (
	"context"
	"slices"
	"testing"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/zfs"
)

func (h *host) folder(b *Backend, name string) {
	h.t.Helper()
	n, err := b.zfs.Root().Name(name)
	must(h.t, err)
	_, err = b.zfs.Run(context.Background(), zfs.CreateFilesystem(n, true))
	must(h.t, err)
}

func TestVolumesOfOneNameInDifferentPlacesAreToldApart(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	h.folder(b, root+"/old")
	h.folder(b, root+"/older")
	for _, place := range []string{"/v/both", "/both", "/old/both", "/old/two", "/older/two", "/old/alone", "/v/v"} {
		h.zvol(b, root+place)
	}
	all, err := b.Volumes(ctx)
	must(t, err)
	names := map[string]string{}
	for _, v := range all {
		names[v.Name] = v.Dataset
	}
	for name, dataset := range map[string]string{
		"both": "/v/both", "k8s-csi~both": "/both", "k8s-csi~old~both": "/old/both",
		"k8s-csi~old~two": "/old/two", "k8s-csi~older~two": "/older/two", "alone": "/old/alone", "v": "/v/v",
	} {
		if names[name] != root+dataset {
			t.Errorf("%s is %s, want %s", name, names[name], root+dataset)
		}
	}
	if len(names) != len(all) {
		t.Errorf("%d volumes have %d names", len(all), len(names))
	}
	for name, dataset := range map[string]string{
		"both": "/v/both", "k8s-csi~v~both": "/v/both", "k8s-csi~both": "/both", "k8s-csi~old~alone": "/old/alone", "alone": "/old/alone", root + "/older/two": "/older/two",
	} {
		if v, err := b.Volume(ctx, name); err != nil || v.Dataset != root+dataset {
			t.Errorf("%s is %s, %v", name, v.Dataset, err)
		}
	}
	_, err = b.Volume(ctx, "two")
	if p := refused(t, err, problem.Conflict); !slices.Equal(p.Others, []string{"k8s-csi~old~two", "k8s-csi~older~two"}) {
		t.Errorf("refused with %+v", p)
	}
	for _, name := range []string{"k8s-csi~nothing", "k8s-csi~", "~", "~both", "k8s-csi~..~both", "rpool~k8s-csi~both", "k8s-csi"} {
		_, err := b.Volume(ctx, name)
		refused(t, err, problem.NotFound)
	}

	// What is done to one is done to that one alone.
	snap, err := b.Snapshot(ctx, "k8s-csi~old~both", "one")
	must(t, err)
	if snap.Dataset != root+"/old/both@one" || snap.Volume != "k8s-csi~old~both" {
		t.Errorf("took %+v", snap)
	}
	if found, err := b.Snapshots(ctx, "both"); err != nil || len(found) != 0 {
		t.Errorf("the other one has %+v, %v", found, err)
	}
	_, err = b.Resize(ctx, "k8s-csi~older~two", 64*mib)
	must(t, err)
	must(t, b.Delete(ctx, DeleteRequest{Name: "k8s-csi~both"}))
	must(t, b.Delete(ctx, DeleteRequest{Name: "k8s-csi~old~two"}))
	if v, err := b.Volume(ctx, "two"); err != nil || v.Dataset != root+"/older/two" || v.Size != 64*mib {
		t.Errorf("left is %+v, %v", v, err) // alone now, and called so
	}
	if v, err := b.Volume(ctx, "both"); err != nil || v.Dataset != root+"/v/both" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAVolumeThatDemocraticCSIMadeLeavesAnOlderOneOfItsNameAlone(t *testing.T) {
	ctx, h := context.Background(), newHost(t)
	b := h.ready()
	h.zvol(b, root+"/pvc-1")
	must(t, h.driver(b).CreateVolume("pvc-1", size))
	must(t, h.driver(b).CreateSnapshot("pvc-1", "detached", true))
	if found, err := b.Snapshots(ctx, "k8s-csi~pvc-1"); err != nil || len(found) != 0 {
		t.Errorf("the older volume has the snapshots %+v, %v", found, err)
	}
	if found, err := b.Snapshots(ctx, "pvc-1"); err != nil || len(found) != 1 || !found[0].Detached {
		t.Errorf("the volume has the snapshots %+v, %v", found, err)
	}
}
