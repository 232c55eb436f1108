package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/waddle-social/waddle/internal/access"
	"github.com/waddle-social/waddle/internal/problem"
)

// rootPassword is the access driver as the server sees it.
type rootPassword struct{ driver *access.Driver }

func (r rootPassword) Generate(ctx context.Context) (string, time.Time, error) {
	password := access.GeneratePassword()
	text := password.Reveal() // a copy: setting it overwrites the password
	at, err := r.set(ctx, password)
	if err != nil {
		return "", at, err
	}
	return text, at, nil
}

func (r rootPassword) Set(ctx context.Context, text string) (time.Time, error) {
	password, err := access.NewPassword([]byte(text))
	if err != nil {
		return time.Time{}, problem.Wrap(problem.InvalidRequest, err, "take one line of 12 characters to 511 bytes", "root's password stays")
	}
	return r.set(ctx, password)
}

func (r rootPassword) set(ctx context.Context, password access.Secret) (time.Time, error) {
	if err := r.driver.SetRootPassword(ctx, password); err != nil {
		return time.Time{}, problem.Wrap(problem.Unavailable, err, "settle what it names, then run it again", "root's password stays")
	}
	at, set, err := r.driver.RootPasswordSet(ctx)
	if err == nil && !set {
		err = fmt.Errorf("another program has changed it at once: see who writes /etc/shadow")
	}
	if err != nil {
		return at, problem.Wrap(problem.NotSettled, err, "look at it, then set it again", "root's password was set")
	}
	return at, nil
}
