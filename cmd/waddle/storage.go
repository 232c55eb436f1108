package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newStorage(a *app) *cobra.Command {
	return group("storage", "daily", "Look at and change the cluster's volumes",
		`A volume is a ZFS volume (zvol) with the iSCSI target that exports it. Most are made by
democratic-csi for claims of the cluster, through an SSH endpoint that can do that and
nothing else; these commands show them all, and make and delete others. What is claimed in
the cluster is grown, snapshotted and deleted there, so that Kubernetes knows of it.`,
		"  waddle storage status",
		newStorageStatus(a), newStorageVolumes(a), newStorageShow(a), newStorageCreate(a), newStorageResize(a),
		newStorageSnapshot(a), newStorageRollback(a), newStorageClone(a), newStorageDelete(a), newStorageSessions(a),
		newStorageOrphans(a), newStorageRepair(a), newStorageAdopt(a), newStorageMove(a), newStorageCSIValues(a))
}

func newStorageStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show how the storage is",
		Long: `Looks at the pool, the root dataset, the kernel's iSCSI target and the endpoint of
democratic-csi, and says what is missing or wrong. Nothing is changed.`,
		Example: "  waddle storage status\n  waddle storage status -o json | jq .dataset.availableBytes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.GetStorageResponse, error) {
				return c.GetStorageWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(s client.StorageStatus) string { return view.Storage(s, view.Clock{Now: time.Now()}, a.look()) })
		},
	}
}

func newStorageVolumes(a *app) *cobra.Command {
	var states []string
	c := &cobra.Command{
		Use: "volumes", Short: "List the volumes",
		Long: `Lists the volumes by name: how each is doing, how large it is, what it takes of the pool,
how many initiators are logged in and which PersistentVolume it is. Nothing is changed.`,
		Example: "  waddle storage volumes\n  waddle storage volumes --state unexported --state incomplete",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params := &client.ListVolumesParams{}
			for _, s := range states {
				if !client.VolumeState(s).Valid() {
					return usagef("states are ready, incomplete, unexported, private, older and clashing", "there is no state %q", s)
				}
				params.State = append(params.State, client.VolumeState(s))
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			l, err := a.allVolumes(cmd.Context(), c, params)
			if err != nil {
				return err
			}
			return a.emit(l, func() string { return view.Volumes(l.Volumes, a.look()) })
		},
	}
	c.Flags().StringArrayVar(&states, "state", nil, "only volumes in this `state`; may be given several times")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"ready", "incomplete", "unexported", "private", "older", "clashing"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// allVolumes asks for one page after the other.
func (a *app) allVolumes(ctx context.Context, c *client.Connection, params *client.ListVolumesParams) (client.VolumeList, error) {
	list := client.VolumeList{Volumes: []client.VolumeSummary{}}
	for {
		page, err := a.volumePage(ctx, c, params)
		if err != nil {
			return list, err
		}
		list.Volumes = append(list.Volumes, page.Volumes...)
		if page.Next == "" {
			return list, nil
		}
		params.Page = &page.Next
	}
}

func (a *app) volumePage(ctx context.Context, c *client.Connection, params *client.ListVolumesParams) (*client.VolumeList, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.ListVolumesWithResponse(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("cannot list the volumes: %w", err)
	}
	return need(r.JSON200, r.Status())
}

func newStorageShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show VOLUME", Short: "Show one volume with all that belongs to it",
		Long:              "Shows a volume with its target, who is logged in, its snapshots and what is wrong with it. Nothing is changed.",
		Example:           "  waddle storage show pvc-0b6f2a4e-5f0d-4f5e-9d0c-2f4c8f1d7a11",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVolumes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkNames(args[0]); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			v, err := a.volume(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return a.emit(v, func() string { return view.Volume(*v, view.Clock{Now: time.Now()}, a.look()) })
		},
	}
}

func (a *app) volume(ctx context.Context, c *client.Connection, name string) (*client.Volume, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetVolumeWithResponse(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("cannot show volume %s: %w", name, err)
	}
	return need(r.JSON200, r.Status())
}

func newStorageSessions(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "sessions", Short: "List who is logged in to which volume",
		Long: `Lists the iSCSI initiators that are logged in. The kernel tells an address only for an
initiator with an access list of its own, which the cluster's nodes do not have.`,
		Example: "  waddle storage sessions",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.ListStorageSessionsResponse, error) {
				return c.ListStorageSessionsWithResponse(ctx)
			}
			return show(cmd.Context(), a, call, func(l client.StorageSessionList) string { return view.StorageSessions(l.Sessions) })
		},
	}
}

// onceKey makes a retry of the connection's own safe: the daemon carries a
// request with the same key out once.
func onceKey() *string {
	key := "cli-" + rand.Text()
	return &key
}
