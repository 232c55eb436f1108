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
	if _, _, _, err := s.ready(); err != nil {
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
	case ImagePrune:
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
