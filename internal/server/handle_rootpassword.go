package server

import (
	"context"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/problem"
	"github.com/waddle-social/waddle/internal/server/api"
)

// RootPassword sets the password of root on the host. It keeps none.
type RootPassword interface {
	// Generate makes one. The answer is the only place where it ever is.
	Generate(ctx context.Context) (password string, at time.Time, err error)
	// Set takes the caller's; one that is unfit is an InvalidRequest problem.
	Set(ctx context.Context, password string) (at time.Time, err error)
}

// EventRootPassword is the type of the event that a new password of root sends.
const EventRootPassword = "root-password"

func (h handlers) PutRootPassword(ctx context.Context, req api.PutRootPasswordRequestObject) (api.PutRootPasswordResponseObject, error) {
	if req.Body.Generate == (req.Body.Password != "") {
		return nil, problem.New(problem.InvalidRequest, `send {"generate": true}, or {"password": "…"}`,
			"cannot set root's password: one of generate and password is needed")
	}
	var set api.RootPasswordSet
	var err error
	if req.Body.Generate {
		set.Password, set.SetAt, err = h.o.RootPassword.Generate(ctx)
	} else {
		set.SetAt, err = h.o.RootPassword.Set(ctx, req.Body.Password)
	}
	if err != nil {
		return nil, err
	}
	h.o.Engine.Publish(engine.Event{Type: EventRootPassword, Step: "host.root-password", Message: "root's password set by " + exchangeOf(ctx).caller.Name})
	return api.PutRootPassword200JSONResponse(set), nil
}
