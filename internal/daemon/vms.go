package daemon

import (
	"context"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/server"
	"github.com/waddle-social/waddle/internal/server/api"
	"github.com/waddle-social/waddle/pkg/vms"
)

// machinesAPI is the VMs and images in the contract's words.
type machinesAPI struct{ *machines.Service }

var _ server.Machines = machinesAPI{}

func (m machinesAPI) VMs(ctx context.Context) ([]api.VM, error) {
	all, err := m.List(ctx)
	return each(all, vmOf), err
}

func (m machinesAPI) VM(ctx context.Context, name string) (api.VMDetail, error) {
	d, err := m.Show(ctx, name)
	if err != nil {
		return api.VMDetail{}, err
	}
	return api.VMDetail{
		VM: vmOf(d.VM), Differences: each(d.Differences, differenceOf), Notes: append([]string{}, d.Notes...),
		Snapshots: each(d.Snapshots, vmSnapshotOf), Interfaces: each(d.Interfaces, interfaceOf), Agent: d.Agent, Console: d.Console,
	}, nil
}

func (m machinesAPI) Adoption(ctx context.Context, name string) (api.VMAdoption, error) {
	a, differences, err := m.Service.Adoption(ctx, name)
	if err != nil {
		return api.VMAdoption{}, err
	}
	return api.VMAdoption{ID: a.ID, Name: a.Name, Digest: a.Digest, Differences: each(differences, differenceOf), Notes: append([]string{}, a.Finding.Notes...)}, nil
}

func (m machinesAPI) Images(ctx context.Context) ([]api.Image, error) {
	all, err := m.Service.Images(ctx)
	return each(all, imageOf), err
}

func vmOf(v machines.VM) api.VM {
	out := api.VM{
		ID: v.ID, Name: v.Name, State: api.VMState(v.Status), Ours: v.Ours, Wanted: v.Wanted, Cores: v.Cores, MemoryBytes: v.Memory,
		UptimeSeconds: v.Uptime, Address: v.Address, Tags: v.Tags, Lock: v.Lock,
	}
	if v.Absent {
		out.State = api.VMStateAbsent
	}
	if !out.State.Valid() {
		out.State = api.VMStateUnknown
	}
	return out
}

func differenceOf(d engine.Difference) api.Difference {
	return api.Difference{Kind: api.DifferenceKind(d.Kind), Object: d.Object, Is: d.Is, Want: d.Want, Note: d.Note}
}

func vmSnapshotOf(s vms.Snapshot) api.VMSnapshot {
	return api.VMSnapshot{Name: s.Name, Description: s.Description, Taken: s.Taken, Memory: s.Memory}
}

func interfaceOf(i vms.Interface) api.VMInterface {
	return api.VMInterface{Name: i.Name, Mac: i.MAC, Addresses: texts(i.Addresses)}
}

func imageOf(i machines.Image) api.Image {
	return api.Image{
		Name: i.Name, Volume: i.ID, SizeBytes: i.Size, URL: i.URL, Sha256: i.SHA256, Sha512: i.SHA512,
		Ours: i.Ours, Partial: i.Partial, Used: i.Used, Wanted: i.Wanted,
	}
}
