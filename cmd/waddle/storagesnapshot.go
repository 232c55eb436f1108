package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newStorageSnapshot(a *app) *cobra.Command {
	var remove, unclaimed bool
	var k consent
	c := &cobra.Command{
		Use: "snapshot VOLUME NAME", Short: "Take or delete a snapshot of a volume",
		Long: `Takes a snapshot of a volume. It is what is on the disk at this moment, as after a power
failure: freeze a file system that is mounted, or stop what writes to it.

With --delete the snapshot NAME is deleted. One that a clone was made of stays, and one that
was made for a VolumeSnapshot of the cluster is deleted there (kubectl delete
volumesnapshot), or with --unclaimed once the cluster has forgotten it.`,
		Example: `  waddle storage snapshot db before-upgrade
  waddle storage snapshot db before-upgrade --delete`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeVolumeAndSnapshot,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args...); err != nil {
				return err
			}
			if remove {
				return a.deleteSnapshot(cmd.Context(), args[0], args[1], unclaimed, k)
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostVolumeSnapshotWithResponse(ctx, args[0], &client.PostVolumeSnapshotParams{IdempotencyKey: onceKey()}, client.VolumeSnapshotRequest{Name: args[1]})
			if err != nil {
				return fmt.Errorf("cannot take snapshot %s of volume %s: %w", args[1], args[0], err)
			}
			s, err := need(r.JSON201, r.Status())
			if err != nil {
				return err
			}
			return a.emit(s, func() string { return "snapshot " + view.Printable(s.Name) + " of volume " + args[0] + " taken\n" })
		},
	}
	c.Flags().BoolVar(&remove, "delete", false, "delete the snapshot")
	c.Flags().BoolVar(&unclaimed, "unclaimed", false, "with --delete: you have looked, no VolumeSnapshotContent of the cluster is it")
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "with --delete: do not ask; needed where there is no terminal")
	return c
}

func (a *app) deleteSnapshot(ctx context.Context, volume, name string, unclaimed bool, k consent) error {
	if err := a.mayAsk(k, "what waddle storage show prints"); err != nil {
		return err
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if err := a.agree(ctx, client.Plan{}, &k, fmt.Sprintf("Delete snapshot %s of volume %s?", name, volume)); err != nil {
		return err
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	if _, err := c.DeleteVolumeSnapshotWithResponse(ctx, volume, name, &client.DeleteVolumeSnapshotParams{Unclaimed: &unclaimed}); err != nil {
		return fmt.Errorf("cannot delete snapshot %s of volume %s: %w", name, volume, err)
	}
	fmt.Fprintf(a.con.Err, "snapshot %s of volume %s is deleted\n", name, volume)
	return nil
}

func newStorageRollback(a *app) *cobra.Command {
	var newer bool
	var k consent
	c := &cobra.Command{
		Use: "rollback VOLUME SNAPSHOT", Short: "Put a volume back to a snapshot",
		Long: `Puts a volume back to a snapshot. What was written since is lost. Nobody may be logged in:
it would go on with what it remembers of another content. Snapshots that are newer have to
go too, which is refused without --newer.`,
		Example:           "  waddle storage rollback db before-upgrade",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeVolumeAndSnapshot,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args...); err != nil {
				return err
			}
			if err := a.mayAsk(k, "what waddle storage show prints"); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			question := fmt.Sprintf("Put volume %s back to snapshot %s and lose what was written since?", args[0], args[1])
			if err := a.agree(cmd.Context(), client.Plan{}, &k, question); err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostVolumeRollbackWithResponse(ctx, args[0], &client.PostVolumeRollbackParams{IdempotencyKey: onceKey()},
				client.VolumeRollback{Snapshot: args[1], Confirm: args[0], Newer: newer})
			if err != nil {
				return fmt.Errorf("cannot put volume %s back to snapshot %s: %w", args[0], args[1], err)
			}
			return a.emitVolume(r.JSON200, r.Status())
		},
	}
	c.Flags().BoolVar(&newer, "newer", false, "give up the snapshots that are newer")
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
	return c
}

// mayAsk refuses early what nobody could agree to, as checkYes does.
func (a *app) mayAsk(k consent, look string) error {
	if k.yes || a.con.Interactive() {
		return nil
	}
	return usagef("add --yes once you have looked at "+look, "there is no terminal to ask on")
}
