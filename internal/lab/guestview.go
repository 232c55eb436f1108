package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// makeGuestView gives the nodes that are not the host a mount namespace in which they
// ask the lab's name server and trust the lab's internet. Apart from an /etc that is read-only
// and says so, they have the machine's files. A thread of the service holds the namespace until ctx ends; its id
// is returned.
func makeGuestView(ctx context.Context, group *errgroup.Group, name string, ca []byte) (tid int, err error) {
	etc := filepath.Join(stateDir(name), "guest-etc")
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(etc, "resolv.conf"), fmt.Appendf(nil, "nameserver %s\n", ResolverAddr), 0o644); err != nil {
		return 0, err
	}
	if err := trust(etc, ca); err != nil {
		return 0, err
	}
	made := make(chan error, 1)
	group.Go(func() error {
		return onThread(func() error {
			tid = unix.Gettid()
			err := mountGuestView(etc)
			made <- err
			if err == nil {
				<-ctx.Done()
			}
			return err
		})
	})
	err = <-made
	return tid, err
}

func mountGuestView(etc string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make the guests' mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot part from the machine's mounts: %w", err)
	}
	// Two lower layers and no upper one: nothing can be written.
	if err := unix.Mount("overlay", "/etc", "overlay", unix.MS_RDONLY, "lowerdir="+etc+":/etc"); err != nil {
		return fmt.Errorf("cannot mount the guests' /etc: %w", err)
	}
	return nil
}
