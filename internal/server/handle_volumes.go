package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// volumesOnAPage is the contract's default.
const volumesOnAPage = 200

func (h handlers) ListVolumes(ctx context.Context, req api.ListVolumesRequestObject) (api.ListVolumesResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	all, err := s.Volumes(ctx)
	if err != nil {
		return nil, err
	}
	return api.ListVolumes200JSONResponse(volumePage(all, req.Params)), nil
}

// volumePage is one page of the volumes by name. A page begins after a volume,
// not at a number, so that none is missed when others come and go between two
// pages.
func volumePage(all []api.Volume, p api.ListVolumesParams) api.VolumeList {
	limit := volumesOnAPage
	if p.Limit != nil {
		limit = *p.Limit
	}
	list := api.VolumeList{Volumes: []api.VolumeSummary{}}
	last := ""
	for _, v := range inOrder(all) {
		if p.Page != nil && v.token <= *p.Page || len(p.State) > 0 && !slices.Contains(p.State, v.State) {
			continue
		}
		if len(list.Volumes) == limit {
			list.Next = last
			break
		}
		list.Volumes = append(list.Volumes, volumeSummary(v.Volume))
		last = v.token
	}
	return list
}

// placed is a volume with its place in the list, which is a page token: its name
// with =c for each colon and =t for each tilde, and =d behind it when there is
// another volume of the name. No name has an =.
type placed struct {
	api.Volume
	token string
}

var pageTokens = strings.NewReplacer(":", "=c", "~", "=t")

func inOrder(all []api.Volume) []placed {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b api.Volume) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Dataset, b.Dataset))
	})
	out := make([]placed, 0, len(all))
	for i, v := range all {
		p := placed{v, pageTokens.Replace(v.Name)}
		if i > 0 && all[i-1].Name == v.Name {
			p.token = out[i-1].token + "=d"
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b placed) int { return strings.Compare(a.token, b.token) })
	return out
}

func volumeSummary(v api.Volume) api.VolumeSummary {
	return api.VolumeSummary{
		Name: v.Name, Dataset: v.Dataset, State: v.State, SizeBytes: v.SizeBytes, UsedBytes: v.UsedBytes, Created: v.Created,
		PersistentVolume: v.PersistentVolume, Sessions: len(v.Sessions), Snapshots: len(v.Snapshots),
	}
}

func (h handlers) GetVolume(ctx context.Context, req api.GetVolumeRequestObject) (api.GetVolumeResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Volume(ctx, req.Volume)
	if err != nil {
		return nil, err
	}
	return api.GetVolume200JSONResponse(v), nil
}

func (h handlers) PostVolume(ctx context.Context, req api.PostVolumeRequestObject) (api.PostVolumeResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Create(ctx, *req.Body)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was created", v.Name)
	return api.PostVolume201JSONResponse{Body: v}, nil
}

func (h handlers) PostVolumeResize(ctx context.Context, req api.PostVolumeResizeRequestObject) (api.PostVolumeResizeResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Resize(ctx, req.Volume, req.Body.SizeBytes)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was resized to %d bytes", v.Name, v.SizeBytes)
	return api.PostVolumeResize200JSONResponse{Body: v}, nil
}

func (h handlers) PostVolumeClone(ctx context.Context, req api.PostVolumeCloneRequestObject) (api.PostVolumeCloneResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Clone(ctx, req.Volume, *req.Body)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was cloned from %s", v.Name, v.Origin)
	return api.PostVolumeClone201JSONResponse{Body: v}, nil
}

func (h handlers) PostVolumeMove(ctx context.Context, req api.PostVolumeMoveRequestObject) (api.PostVolumeMoveResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Move(ctx, req.Volume)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was moved to %s", v.Name, v.Dataset)
	return api.PostVolumeMove200JSONResponse{Body: v}, nil
}

func (h handlers) DeleteVolume(ctx context.Context, req api.DeleteVolumeRequestObject) (api.DeleteVolumeResponseObject, error) {
	if err := confirmed("query.confirm", req.Volume, req.Params.Confirm); err != nil {
		return nil, err
	}
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	err = s.Delete(ctx, DeleteVolume{
		Name: req.Volume, Force: isSet(req.Params.Force), Unclaimed: isSet(req.Params.Unclaimed), Snapshots: isSet(req.Params.Snapshots),
	})
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was deleted", req.Volume)
	return api.DeleteVolume204Response{}, nil
}

// confirmed refuses what destroys data unless the name is there twice: one that
// was completed wrongly by a shell or a script is not typed wrongly twice.
func confirmed(where, name, again string) error {
	if name == again {
		return nil
	}
	p := problem.New(problem.InvalidRequest, "repeat the volume's name exactly", "cannot take the request: %s is not the volume's name", where)
	p.Fields = []problem.Field{{Path: where, Message: "is not the volume's name", Allowed: name}}
	return p
}

func (h handlers) PostVolumeSnapshot(ctx context.Context, req api.PostVolumeSnapshotRequestObject) (api.PostVolumeSnapshotResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	snap, err := s.Snapshot(ctx, req.Volume, req.Body.Name)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "snapshot %s of volume %s was taken", snap.Name, req.Volume)
	return api.PostVolumeSnapshot201JSONResponse{Body: snap}, nil
}

func (h handlers) PostVolumeRollback(ctx context.Context, req api.PostVolumeRollbackRequestObject) (api.PostVolumeRollbackResponseObject, error) {
	if err := confirmed("body.confirm", req.Volume, req.Body.Confirm); err != nil {
		return nil, err
	}
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	v, err := s.Rollback(ctx, req.Volume, *req.Body)
	if err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "volume %s was rolled back to snapshot %s", v.Name, req.Body.Snapshot)
	return api.PostVolumeRollback200JSONResponse{Body: v}, nil
}

func (h handlers) DeleteVolumeSnapshot(ctx context.Context, req api.DeleteVolumeSnapshotRequestObject) (api.DeleteVolumeSnapshotResponseObject, error) {
	s, err := h.storage()
	if err != nil {
		return nil, err
	}
	if err := s.DeleteSnapshot(ctx, req.Volume, req.Snapshot, isSet(req.Params.Unclaimed)); err != nil {
		return nil, err
	}
	h.changedStorage(ctx, "snapshot %s of volume %s was deleted", req.Snapshot, req.Volume)
	return api.DeleteVolumeSnapshot204Response{}, nil
}
