package machines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// cacheOf is what the steps need of the images' driver.
type cacheOf interface {
	Ensure(ctx context.Context, i images.Image, tell func(images.Progress)) (*images.Use, error)
}

// source is an image of the platform.
type source struct {
	image func(p *platform.Platform) (images.Image, error)
	specs func(p *platform.Platform) []vms.Spec // the VMs that are made of it
}

func debian(*platform.Platform) source {
	return source{
		image: func(p *platform.Platform) (images.Image, error) {
			i := p.Spec.Teleport.Image
			return images.Debian(string(i.URL), string(i.SHA512))
		},
		specs: func(p *platform.Platform) []vms.Spec { return []vms.Spec{teleportSpec(p, "")} },
	}
}

func talos(*platform.Platform) source {
	return source{
		image: func(p *platform.Platform) (images.Image, error) {
			t := p.Spec.Talos
			return images.Talos(string(t.ImageFactory), schematic(p).ID(), string(t.Version))
		},
		specs: func(p *platform.Platform) []vms.Spec { return nodeSpecs(p, "") },
	}
}

// volume is where the image is once it is there.
func (x source) volume(p *platform.Platform) (string, error) {
	i, err := x.image(p)
	if err != nil {
		return "", problem.Wrap(problem.InvalidPlatform, err, "correct the platform document", "cannot say which image the VMs are made of")
	}
	return string(p.Spec.Host.Storages.Images) + ":import/" + i.Name, nil
}

// DebianImage has the Teleport VM's image in the storage.
func (s *Service) DebianImage(p *platform.Platform) Work { return s.imageWork(p, debian(p)) }

// TalosImage has the nodes' image in the storage.
func (s *Service) TalosImage(p *platform.Platform) Work { return s.imageWork(p, talos(p)) }

func (s *Service) imageWork(p *platform.Platform, from source) Work {
	return Work{
		Check: func(ctx context.Context) (engine.Result, error) { return s.lookImage(ctx, p, from) },
		Apply: func(ctx context.Context, run *engine.Run) error {
			image, err := from.image(p)
			if err != nil {
				return err
			}
			_, cache, err := s.drivers(p)
			if err != nil {
				return err
			}
			use, err := cache.Ensure(ctx, image, newTeller(run).download)
			if err != nil {
				return refusedImage(err)
			}
			use.Release()
			return nil
		},
		Undo: &engine.Undo{
			Capture: func(ctx context.Context) (json.RawMessage, error) {
				there, err := s.cached(ctx, p, from)
				return json.RawMessage(fmt.Sprint(there != nil)), err
			},
			Show: func(ctx context.Context, raw json.RawMessage) ([]engine.Difference, error) {
				there, err := s.cached(ctx, p, from)
				if err != nil || there == nil || !there.Ours || string(raw) == "true" {
					return nil, err
				}
				return []engine.Difference{{Kind: engine.Remove, Object: "image " + there.Name, Is: there.ID}}, nil
			},
			Apply: func(ctx context.Context, _ json.RawMessage, _ *engine.Run) error { return s.pruneOne(ctx, p, from) },
		},
	}
}

// lookImage: VMs that were made need their image no more.
func (s *Service) lookImage(ctx context.Context, p *platform.Platform, from source) (engine.Result, error) {
	made := true
	for _, spec := range from.specs(p) {
		rec, there, err := s.records.Get(spec.Name)
		if err != nil {
			return engine.Result{}, err
		}
		made = made && there && rec.State == vms.StateReady
	}
	if made {
		return engine.IsDone("the VMs have been made of it"), nil
	}
	there, err := s.cached(ctx, p, from)
	if err != nil {
		return engine.Result{}, err
	}
	image, err := from.image(p)
	if err != nil {
		return engine.Result{}, err
	}
	if there != nil && !there.Partial && there.ID != "" {
		return engine.IsDone(), nil
	}
	d := engine.Difference{Kind: engine.Create, Object: "image " + image.Name, Want: image.URL}
	if there != nil {
		d.Is = fmt.Sprintf("%d bytes of it", there.Size)
	}
	return engine.Found(d), nil
}

// cached is the image in the storage, or what there is of it; nil when there is nothing.
func (s *Service) cached(ctx context.Context, p *platform.Platform, from source) (*images.Cached, error) {
	image, err := from.image(p)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidPlatform, err, "correct the platform document", "cannot say which image the VMs are made of")
	}
	_, cache, err := s.drivers(p)
	if err != nil {
		return nil, err
	}
	all, err := cache.List(ctx)
	if err != nil {
		return nil, refusedImage(err)
	}
	for _, c := range all {
		if c.Name == image.Name {
			return &c, nil
		}
	}
	return nil, nil
}

// pruneOne removes one image and leaves the others.
func (s *Service) pruneOne(ctx context.Context, p *platform.Platform, from source) error {
	image, err := from.image(p)
	if err != nil {
		return err
	}
	_, cache, err := s.drivers(p)
	if err != nil {
		return err
	}
	all, err := cache.List(ctx)
	if err != nil {
		return refusedImage(err)
	}
	var keep []string
	for _, c := range all {
		if c.Name != image.Name {
			keep = append(keep, c.Name)
		}
	}
	_, err = cache.Prune(ctx, keep...)
	return refusedImage(err)
}

// refusedImage gives the images' failures a code.
func refusedImage(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if sum, ok := errors.AsType[*images.ChecksumError](err); ok {
		hint := "compare the checksum in the platform document with the publisher's"
		if sum.Recorded {
			hint = "if the factory made it anew and you trust it: waddle image prune --forget " + sum.Image
		}
		return problem.Wrap(problem.HostUnsuitable, sum, hint, "the image is not the one to expect")
	}
	if errors.Is(err, os.ErrNotExist) {
		return problem.Wrap(problem.NotFound, err, "list them with: waddle image ls", "there is no such image")
	}
	if _, ok := errors.AsType[*problem.Error](err); ok {
		return err
	}
	return problem.Wrap(problem.Unavailable, err, "settle what it says, then run it again", "the image is not there")
}
