package machines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/waddle-social/waddle/internal/engine"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/vms"
)

// AccessInstruction is what opens the gate before everything that is made in Proxmox.
const AccessInstruction = "run as root on the host: waddled setup proxmox"

// accessPatience is how long the API may take to say that the token is good.
const accessPatience = 10 * time.Second

// CheckAccess tells whether Proxmox VE's API takes our token. That it does not is no
// error but a reason: it can only be waited for.
func (s *Service) CheckAccess(ctx context.Context, p *platform.Platform) (engine.Result, error) {
	if _, err := s.token(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return engine.Unknowable("there is no API token yet; " + AccessInstruction), nil
		}
		return engine.Unknowable(err.Error()), nil
	}
	driver, _, err := s.drivers(p)
	if err != nil {
		return engine.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, accessPatience)
	defer cancel()
	if _, err := driver.List(ctx); err != nil {
		if _, ours := errors.AsType[*vms.Error](err); ours || ctx.Err() != nil {
			return engine.Unknowable(err.Error()), nil
		}
		return engine.Result{}, err
	}
	return engine.IsDone(fmt.Sprintf("the API of node %s takes the token", p.Spec.Host.Node)), nil
}
