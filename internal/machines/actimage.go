package machines

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

// The images of the platform, as they are named in requests.
const (
	DebianName = "debian"
	TalosName  = "talos"
)

// sourceOf is the platform's image of that name.
func (x act) sourceOf(name string) (source, error) {
	switch name {
	case DebianName:
		return debian(x.p), nil
	case TalosName:
		return talos(x.p), nil
	}
	return source{}, problem.New(problem.NotFound, "there are debian and talos", "the platform has no image %q", name)
}

// pull has an image in the storage, whether VMs need it or not.
func (x act) pull(cache *images.Cache) (engine.Step, error) {
	from, err := x.sourceOf(x.name)
	if err != nil {
		return engine.Step{}, err
	}
	image, err := from.image(x.p)
	if err != nil {
		return engine.Step{}, err
	}
	return engine.Step{
		ID: ImagePull + "/" + x.name, Area: ImageArea, Title: "Fetch " + image.Name,
		Check: func(ctx context.Context) (engine.Result, error) {
			there, err := x.s.cached(ctx, x.p, from)
			if err != nil {
				return engine.Result{}, err
			}
			if there != nil && !there.Partial && there.ID != "" {
				return engine.IsDone(), nil
			}
			return engine.Found(engine.Difference{Kind: engine.Create, Object: "image " + image.Name, Want: image.URL}), nil
		},
		Apply: func(ctx context.Context, run *engine.Run) error {
			if x.name == TalosName {
				w := x.s.Schematic(x.p)
				if r, err := w.Check(ctx); err != nil {
					return err
				} else if r.State != engine.Done {
					if err := w.Apply(ctx, run); err != nil {
						return err
					}
				}
			}
			use, err := cache.Ensure(ctx, image, newTeller(run).download)
			if err != nil {
				return refusedImage(err)
			}
			use.Release()
			return nil
		},
	}, nil
}

// forget lets the next download of an image be another one than the first was, and
// removes what there is of it.
func (x act) forget(cache *images.Cache) engine.Step {
	name := x.a.Forget
	records := imageRecords{x.s.o.State}
	return engine.Step{
		ID: ImagePrune + "/" + strings.ToLower(x.name), Area: ImageArea, Title: "Forget the image " + name,
		Check: func(context.Context) (engine.Result, error) {
			all, err := records.All()
			rec, known := all[name]
			if err != nil || !known {
				return engine.IsDone(), err
			}
			return engine.Found(engine.Difference{Kind: engine.Remove, Object: "checksum of image " + name, Is: cmp.Or(rec.SHA256, rec.SHA512, "not known yet"), Note: "and what is in the storage of it"}), nil
		},
		Apply: func(ctx context.Context, _ *engine.Run) error {
			err := cache.Forget(ctx, name)
			if errors.Is(err, os.ErrNotExist) { // killed after it
				return nil
			}
			return refusedImage(err)
		},
	}
}

// prune removes the images that were named when it was asked for: what is fetched
// meanwhile stays.
func (x act) prune(cache *images.Cache) engine.Step {
	left := func(ctx context.Context) (gone, keep []images.Cached, err error) {
		all, err := cache.List(ctx)
		for _, c := range all {
			if c.Ours && !c.Used && slices.Contains(x.a.Images, c.Name) {
				gone = append(gone, c)
			} else {
				keep = append(keep, c)
			}
		}
		return gone, keep, refusedImage(err)
	}
	return engine.Step{
		ID: ImagePrune + "/" + strings.ToLower(x.name), Area: ImageArea, Title: "Remove images that nothing needs",
		Check: func(ctx context.Context) (engine.Result, error) {
			gone, _, err := left(ctx)
			var d []engine.Difference
			for _, c := range gone {
				d = append(d, engine.Difference{Kind: engine.Remove, Object: "image " + c.Name, Is: c.ID})
			}
			return engine.Found(d...), err
		},
		Apply: func(ctx context.Context, _ *engine.Run) error {
			_, keep, err := left(ctx)
			if err != nil {
				return err
			}
			var names []string
			for _, c := range keep {
				names = append(names, c.Name)
			}
			_, err = cache.Prune(ctx, names...)
			return refusedImage(err)
		},
	}
}
