package main

import (
	"context"
	"fmt"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/config"
)

// version is set when the program is built.
var version = "unknown"

// connect returns the client of the daemon that the settings name. No connection
// is made yet.
func (a *app) connect() (*client.Connection, error) {
	t, err := a.target()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{
		Server: t.Server, Token: t.Token, TokenFile: t.TokenFile, CAFile: t.CAFile,
		SSHConnection: sshConnection(a.getenv, "/proc"),
		UserAgent:     "waddle/" + version,
	})
	if err != nil {
		return nil, usagef("", "%s", err)
	}
	return c, nil
}

// target says which daemon the settings name.
func (a *app) target() (config.Target, error) {
	f, _, err := a.configFile()
	if err != nil {
		return config.Target{}, err
	}
	t, err := config.Resolve(f, config.Flags{
		Server: a.flags.server, Context: a.flags.context, TokenFile: a.flags.tokenFile, CAFile: a.flags.caFile,
	}, a.getenv)
	if err != nil {
		return config.Target{}, usagef("", "%s", err)
	}
	return t, nil
}

// need returns the object of an answer, which is missing when something else
// than waddled answered.
func need[T any](object *T, status string) (*T, error) {
	if object == nil {
		return nil, fmt.Errorf("cannot understand the answer: HTTP status %s without the expected object; is this waddled?", status)
	}
	return object, nil
}

// answer is what the client returns of a call that is answered with a T.
type answer[T any] interface {
	GetJSON200() *T
	GetBody() []byte
	Status() string
}

// fetch makes one call and returns the object that it is answered with, and the answer as it came.
func fetch[T any, A answer[T]](ctx context.Context, a *app, call func(context.Context, *client.Connection) (A, error)) (*T, []byte, error) {
	c, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := call(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	object, err := need(r.GetJSON200(), r.Status())
	return object, r.GetBody(), err
}

// show makes one call and writes the object that it is answered with, for a person
// as table says.
func show[T any, A answer[T]](ctx context.Context, a *app, call func(context.Context, *client.Connection) (A, error), table func(T) string) error {
	object, body, err := fetch(ctx, a, call)
	if err != nil {
		return err
	}
	return a.emitBody(body, func() string { return table(*object) })
}
