package server

import (
	"context"
	"net/http"
	"time"

	"github.com/waddle-social/waddle/internal/machines"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

func (h handlers) ListVMs(ctx context.Context, _ api.ListVMsRequestObject) (api.ListVMsResponseObject, error) {
	all, err := h.o.Machines.VMs(ctx)
	if err != nil {
		return nil, err
	}
	return api.ListVMs200JSONResponse{Vms: all}, nil
}

func (h handlers) GetVM(ctx context.Context, req api.GetVMRequestObject) (api.GetVMResponseObject, error) {
	d, err := h.o.Machines.VM(ctx, req.VM)
	if err != nil {
		return nil, err
	}
	return api.GetVM200JSONResponse(d), nil
}

func (h handlers) GetVMAdoption(ctx context.Context, req api.GetVMAdoptionRequestObject) (api.GetVMAdoptionResponseObject, error) {
	a, err := h.o.Machines.Adoption(ctx, req.VM)
	if err != nil {
		return nil, err
	}
	return api.GetVMAdoption200JSONResponse(a), nil
}

func (h handlers) ListImages(ctx context.Context, _ api.ListImagesRequestObject) (api.ListImagesResponseObject, error) {
	all, err := h.o.Machines.Images(ctx)
	if err != nil {
		return nil, err
	}
	return api.ListImages200JSONResponse{Images: all}, nil
}

// act starts an operation for what is asked of a VM or an image.
func (h handlers) act(ctx context.Context, wait *string, verb, subject string, a machines.Args) (operationAnswer, error) {
	x := exchangeOf(ctx)
	a.By = x.caller.Name
	action, err := h.o.Machines.Prepare(ctx, verb, subject, a)
	if err != nil {
		return operationAnswer{}, err
	}
	op, err := h.o.Engine.StartAction(ctx, x.caller.Caller, action)
	if err != nil {
		return operationAnswer{}, err
	}
	x.started(op)
	return h.answerWith(ctx, wait, op)
}

// sameVM refuses what takes a VM's disks unless its name was said twice.
func sameVM(where, name, again string) error {
	if name == again {
		return nil
	}
	p := problem.New(problem.InvalidRequest, "repeat the VM's name exactly: its disks will be lost", "cannot take the request: %s is not the VM's name", where)
	p.Fields = []problem.Field{{Path: where, Message: "is not the VM's name", Allowed: name}}
	return p
}

var powerVerbs = map[api.VMPowerAction]string{
	api.VMPowerActionStart: machines.VMStart, api.VMPowerActionStop: machines.VMStop,
	api.VMPowerActionShutdown: machines.VMShutdown, api.VMPowerActionReboot: machines.VMReboot,
}

func (h handlers) PostVMPower(ctx context.Context, req api.PostVMPowerRequestObject) (api.PostVMPowerResponseObject, error) {
	a := machines.Args{Grace: time.Duration(req.Body.GraceSeconds) * time.Second, Force: req.Body.Force}
	return h.act(ctx, req.Params.Wait, powerVerbs[req.Body.Action], req.VM, a)
}

func (h handlers) PostVMRecreate(ctx context.Context, req api.PostVMRecreateRequestObject) (api.PostVMRecreateResponseObject, error) {
	if err := sameVM("body.confirm", req.VM, req.Body.Confirm); err != nil {
		return nil, err
	}
	return h.act(ctx, req.Params.Wait, machines.VMRecreate, req.VM, machines.Args{})
}

func (h handlers) DeleteVM(ctx context.Context, req api.DeleteVMRequestObject) (api.DeleteVMResponseObject, error) {
	if err := sameVM("query.confirm", req.VM, req.Params.Confirm); err != nil {
		return nil, err
	}
	return h.act(ctx, req.Params.Wait, machines.VMDelete, req.VM, machines.Args{})
}

func (h handlers) PostVMAdoption(ctx context.Context, req api.PostVMAdoptionRequestObject) (api.PostVMAdoptionResponseObject, error) {
	return h.act(ctx, req.Params.Wait, machines.VMAdopt, req.VM, machines.Args{Digest: req.Body.Digest})
}

func (h handlers) PostVMSnapshot(ctx context.Context, req api.PostVMSnapshotRequestObject) (api.PostVMSnapshotResponseObject, error) {
	a := machines.Args{Snapshot: req.Body.Name, Description: req.Body.Description, Memory: req.Body.Memory}
	return h.act(ctx, req.Params.Wait, machines.VMSnapshot, req.VM, a)
}

func (h handlers) DeleteVMSnapshot(ctx context.Context, req api.DeleteVMSnapshotRequestObject) (api.DeleteVMSnapshotResponseObject, error) {
	return h.act(ctx, req.Params.Wait, machines.VMSnapshotDelete, req.VM, machines.Args{Snapshot: req.Snapshot})
}

func (h handlers) PostVMRollback(ctx context.Context, req api.PostVMRollbackRequestObject) (api.PostVMRollbackResponseObject, error) {
	a := machines.Args{Snapshot: req.Snapshot}
	if req.Body != nil {
		a.Start = req.Body.Start
	}
	return h.act(ctx, req.Params.Wait, machines.VMRollback, req.VM, a)
}

func (h handlers) PostImagePull(ctx context.Context, req api.PostImagePullRequestObject) (api.PostImagePullResponseObject, error) {
	return h.act(ctx, req.Params.Wait, machines.ImagePull, req.Image, machines.Args{})
}

func (h handlers) PostImagePrune(ctx context.Context, req api.PostImagePruneRequestObject) (api.PostImagePruneResponseObject, error) {
	var a machines.Args
	if req.Body != nil {
		a.Force, a.Forget = req.Body.All, req.Body.Forget
	}
	return h.act(ctx, req.Params.Wait, machines.ImagePrune, "images", a)
}

// VisitPostVMPowerResponse writes the answer.
func (a operationAnswer) VisitPostVMPowerResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostVMRecreateResponse writes the answer.
func (a operationAnswer) VisitPostVMRecreateResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDeleteVMResponse writes the answer.
func (a operationAnswer) VisitDeleteVMResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostVMAdoptionResponse writes the answer.
func (a operationAnswer) VisitPostVMAdoptionResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostVMSnapshotResponse writes the answer.
func (a operationAnswer) VisitPostVMSnapshotResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitDeleteVMSnapshotResponse writes the answer.
func (a operationAnswer) VisitDeleteVMSnapshotResponse(w http.ResponseWriter) error {
	return a.write(w)
}

// VisitPostVMRollbackResponse writes the answer.
func (a operationAnswer) VisitPostVMRollbackResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostImagePullResponse writes the answer.
func (a operationAnswer) VisitPostImagePullResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitPostImagePruneResponse writes the answer.
func (a operationAnswer) VisitPostImagePruneResponse(w http.ResponseWriter) error { return a.write(w) }
