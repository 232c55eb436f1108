package machines

import (
	"context"
	"encoding/json"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
)

// Prepare makes an action of a request. What the request is about is settled here and
// kept with it: the VM that is to go by its UUID, the images that are to go by name.
func (s *Service) Prepare(ctx context.Context, verb, subject string, a Args) (engine.Action, error) {
	_, driver, _, err := s.ready()
	if err != nil {
		return engine.Action{}, err
	}
	switch verb {
	case VMDelete, VMRecreate:
		rec, there, err := s.records.Get(subject)
		if err != nil {
			return engine.Action{}, err
		}
		if !there && verb == VMDelete {
			return engine.Action{}, problem.New(problem.NotFound, "list them with: waddle vm ls", "there is no VM %q of waddle's", subject)
		}
		a.UUID = rec.UUID
	case VMSnapshot:
		x := act{s: s, driver: driver, name: subject, a: a}
		if _, err := x.known(); err != nil {
			return engine.Action{}, err
		}
		// The step takes one that is there for its own: here it is an older one.
		if there, err := x.has(ctx); err != nil {
			return engine.Action{}, err
		} else if there {
			return engine.Action{}, problem.New(problem.Conflict, "take another name; list them with: waddle vm snapshot ls "+subject, "VM %s has a snapshot %q already", subject, a.Snapshot)
		}
	case ImagePrune:
		if a.Forget != "" {
			if err := s.knownImage(a.Forget); err != nil {
				return engine.Action{}, err
			}
			break
		}
		all, err := s.Images(ctx)
		if err != nil {
			return engine.Action{}, err
		}
		for _, i := range all {
			if i.Ours && !i.Used && (a.Force || !i.Wanted) {
				a.Images = append(a.Images, i.Name)
			}
		}
	}
	raw, err := json.Marshal(a)
	return engine.Action{Verb: verb, Subject: subject, Args: raw}, err
}

// knownImage refuses the name of an image that waddled has never brought.
func (s *Service) knownImage(name string) error {
	all, err := imageRecords{s.o.State}.All()
	if err != nil {
		return err
	}
	if _, known := all[name]; !known {
		return problem.New(problem.NotFound, "list them with: waddle image ls", "waddle has brought no image %q", name)
	}
	return nil
}
