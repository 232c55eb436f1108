package machines

import (
	"context"

	"github.com/waddle-social/waddle/internal/platform"
)

// Run runs a program in a VM of ours, as root through QEMU's guest agent, and
// waits for its end as long as the context lasts. The output is what it wrote,
// errors last. A program that was killed by a signal has exit code 128 and the
// signal's number, as a shell says it.
func (s *Service) Run(ctx context.Context, p *platform.Platform, vm string, argv ...string) (exit int, output string, err error) {
	driver, _, err := s.drivers(p)
	if err != nil {
		return 0, "", err
	}
	out, err := driver.Exec(ctx, vm, argv, "")
	if err != nil {
		return 0, "", refused(err)
	}
	if out.Signal != 0 {
		out.Exit = 128 + out.Signal
	}
	return out.Exit, out.Out + out.Err, nil
}
