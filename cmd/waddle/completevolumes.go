package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

// completeVolumes offers the volumes for the first argument. delete takes the
// name twice, and the second is not offered: it is there to be typed.
func (a *app) completeVolumes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.ListVolumesWithResponse(ctx, &client.ListVolumesParams{})
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, v := range r.JSON200.Volumes {
			out = append(out, v.Name+"\t"+string(v.State))
		}
		return out
	})
}

// completeSnapshots offers the snapshots of the volume that was typed.
func (a *app) completeSnapshots(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.GetVolumeWithResponse(ctx, args[0])
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, s := range r.JSON200.Snapshots {
			out = append(out, s.Name+"\t"+s.Created.Local().Format("2006-01-02 15:04"))
		}
		return out
	})
}

func (a *app) completeVolumeAndSnapshot(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return a.completeVolumes(cmd, args, typed)
	case 1:
		return a.completeSnapshots(cmd, args, typed)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
