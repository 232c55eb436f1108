package machines

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/pkg/vms/images"
)

func schematic(p *platform.Platform) images.Schematic {
	var s images.Schematic
	for _, e := range p.Spec.Talos.Extensions {
		s.Extensions = append(s.Extensions, string(e))
	}
	return s
}

// Schematic makes the nodes' schematic known to the Image Factory, which has no
// image of one that it does not know. A factory forgets nothing, so that it was
// registered is remembered here and not asked again.
func (s *Service) Schematic(p *platform.Platform) Work {
	factory, what := string(p.Spec.Talos.ImageFactory), schematic(p)
	key := factory + " " + what.ID()
	return Work{
		Check: func(context.Context) (engine.Result, error) {
			at, is, err := s.records.registered(key)
			if err != nil || is {
				return engine.IsDone(fmt.Sprintf("%s, registered at %s", what.ID(), at.Format("2006-01-02 15:04:05Z"))), err
			}
			return engine.Found(engine.Difference{Kind: engine.Create, Object: "schematic " + what.ID(), Want: fmt.Sprintf("registered at %s with %v", factory, what.Extensions)}), nil
		},
		Apply: func(ctx context.Context, _ *engine.Run) error {
			if err := s.o.Seam("schematic:register"); err != nil {
				return err
			}
			if _, err := (images.Factory{URL: factory, HTTP: s.o.HTTP}).Register(ctx, what); err != nil {
				return problem.Wrap(problem.Unavailable, err, "see that the host reaches the Image Factory, then run it again", "the schematic is not registered")
			}
			return s.records.keepRegistered(key)
		},
		Undo: &engine.Undo{
			Capture: func(context.Context) (json.RawMessage, error) {
				_, is, err := s.records.registered(key)
				return json.RawMessage(fmt.Sprint(is)), err
			},
			Show: func(_ context.Context, raw json.RawMessage) ([]engine.Difference, error) {
				_, is, err := s.records.registered(key)
				if err != nil || !is || string(raw) == "true" {
					return nil, err
				}
				return []engine.Difference{{Kind: engine.Remove, Object: "record of schematic " + what.ID(), Is: "registered", Note: "the factory keeps it"}}, nil
			},
			Apply: func(context.Context, json.RawMessage, *engine.Run) error { return s.records.forgetRegistered(key) },
		},
	}
}
