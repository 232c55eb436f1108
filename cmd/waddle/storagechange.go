package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/platform"
)

func newStorageCreate(a *app) *cobra.Command {
	var private bool
	c := &cobra.Command{
		Use: "create VOLUME SIZE", Short: "Make a volume and export it",
		Long: `Makes a volume and exports it as the platform document says. It is thin: it takes of the
pool what is written to it. The name is lower case letters, digits and -, at most 63.

For the cluster's own claims democratic-csi does this.`,
		Example: "  waddle storage create scratch 10GiB",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			bytes, err := volumeSize(args[1])
			if err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostVolumeWithResponse(ctx, &client.PostVolumeParams{IdempotencyKey: onceKey()},
				client.VolumeRequest{Name: args[0], SizeBytes: bytes, Private: private})
			if err != nil {
				return fmt.Errorf("cannot create volume %s: %w", args[0], err)
			}
			return a.emitVolume(r.JSON201, r.Status())
		},
	}
	c.Flags().BoolVar(&private, "private", false, "do not export it")
	return c
}

// emitVolume shows what a change has made of a volume.
func (a *app) emitVolume(v *client.Volume, status string) error {
	v, err := need(v, status)
	if err != nil {
		return err
	}
	return a.emit(v, func() string { return view.Volume(*v, view.Clock{Now: time.Now()}, a.look()) })
}

// volumeSize reads a size as the platform document has it, or as Kubernetes does.
func volumeSize(text string) (int64, error) {
	var s platform.Size
	given := text
	if strings.HasSuffix(given, "i") { // 10Gi
		given += "B"
	}
	if err := s.UnmarshalText([]byte(given)); err != nil {
		return 0, usagef("write a whole number with MiB, GiB or TiB, as in 10GiB", "cannot use the size: %s", err)
	}
	return int64(s), nil
}

// pathName is the contract's pattern of the names of volumes; those of snapshots
// are narrower, and the server says so.
var pathName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:~-]{0,254}$`)

// checkNames refuses what is no name before it becomes part of a path: a URL
// that ends with .. is another one.
func checkNames(names ...string) error {
	for _, n := range names {
		if !pathName.MatchString(n) {
			return usagef("letters, digits and - _ . : ~ are allowed, a letter or digit first; waddle storage volumes lists them", "%.80q is no name of a volume or snapshot", n)
		}
	}
	return nil
}

func newStorageResize(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "resize VOLUME SIZE", Short: "Let a volume grow",
		Long: `Lets a volume grow to SIZE. Volumes only grow: a file system on it would lose its end. An
initiator sees the new size when it looks again (iscsiadm -m node -R), and a file system is
grown there.

A claim of the cluster is grown in the cluster: its spec.resources.requests.storage.`,
		Example:           "  waddle storage resize scratch 20GiB",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeVolumes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args[0]); err != nil {
				return err
			}
			bytes, err := volumeSize(args[1])
			if err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostVolumeResizeWithResponse(ctx, args[0], &client.PostVolumeResizeParams{IdempotencyKey: onceKey()}, client.VolumeResize{SizeBytes: bytes})
			if err != nil {
				return fmt.Errorf("cannot resize volume %s: %w", args[0], err)
			}
			return a.emitVolume(r.JSON200, r.Status())
		},
	}
}

func newStorageClone(a *app) *cobra.Command {
	var body client.VolumeClone
	c := &cobra.Command{
		Use: "clone VOLUME NEW", Short: "Make a volume out of another one's snapshot",
		Long: `Makes the volume NEW out of a snapshot of VOLUME, and exports it. It is there at once and
takes only what differs; the snapshot cannot be deleted as long as the clone is there.
Without --snapshot one is taken first, which goes when the clone does.`,
		Example:           "  waddle storage clone db db-test --snapshot before-upgrade",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeVolumes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args[0]); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			body.Name = args[1]
			r, err := c.PostVolumeCloneWithResponse(ctx, args[0], &client.PostVolumeCloneParams{IdempotencyKey: onceKey()}, body)
			if err != nil {
				return fmt.Errorf("cannot clone volume %s: %w", args[0], err)
			}
			return a.emitVolume(r.JSON201, r.Status())
		},
	}
	c.Flags().StringVar(&body.Snapshot, "snapshot", "", "`name` of the snapshot; without it one is taken now")
	c.Flags().BoolVar(&body.Private, "private", false, "do not export it")
	_ = c.RegisterFlagCompletionFunc("snapshot", a.completeSnapshots)
	return c
}
