package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newVMSnapshot(a *app) *cobra.Command {
	c := group("snapshot", "", "Take, list, delete snapshots of a virtual machine, or go back to one",
		"A snapshot is a state of a VM's disks that it can go back to. It is no backup: it lies on the same pool.",
		"  waddle vm snapshot create teleport before-upgrade",
		newVMSnapshotCreate(a), newVMSnapshotLs(a), newVMSnapshotRollback(a), newVMSnapshotRm(a))
	c.GroupID = ""
	return c
}

func newVMSnapshotLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls VM", Short: "List a virtual machine's snapshots",
		Long: "Lists the snapshots of a VM, oldest first. Nothing is changed.", Example: "  waddle vm snapshot ls teleport",
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, _, err := a.vmDetail(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.emit(d.Snapshots, func() string { return view.VMSnapshots(d.Snapshots, view.Clock{Now: time.Now()}) })
		},
	}
}

func newVMSnapshotCreate(a *app) *cobra.Command {
	var body client.VMSnapshotRequest
	c := &cobra.Command{
		Use: "create VM NAME", Short: "Take a snapshot",
		Long:    "Takes a snapshot of a VM's disks, and with --memory of its memory too.",
		Example: "  waddle vm snapshot create teleport before-upgrade --description 'before v18'",
		Args:    cobra.ExactArgs(2),
	}
	c.Flags().StringVar(&body.Description, "description", "", "what there is to say of it")
	c.Flags().BoolVar(&body.Memory, "memory", false, "keep the guest's memory too")
	return does(a, c, &deed{do: "take snapshot %[2]s of VM %[1]s"},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.PostVMSnapshotResponse, error) {
			body.Name = args[1]
			return c.PostVMSnapshotWithResponse(ctx, args[0], &client.PostVMSnapshotParams{IdempotencyKey: key}, body)
		})
}

func newVMSnapshotRollback(a *app) *cobra.Command {
	var body client.VMRollbackRequest
	c := &cobra.Command{
		Use: "rollback VM NAME", Short: "Take a virtual machine back to a snapshot",
		Long: `Takes a VM back to a snapshot: what was written since is lost. On ZFS only the newest snapshot
can be gone back to. A VM whose snapshot has no memory is off afterwards, or started with --start.`,
		Example: "  waddle vm snapshot rollback teleport before-upgrade --start",
		Args:    cobra.ExactArgs(2), ValidArgsFunction: a.completeVMSnapshots,
	}
	c.Flags().BoolVar(&body.Start, "start", false, "start it afterwards")
	return does(a, c, &deed{do: "take VM %[1]s back to %[2]s", ask: "Take VM %[1]s back to %[2]s? What was written since is lost."},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.PostVMRollbackResponse, error) {
			return c.PostVMRollbackWithResponse(ctx, args[0], args[1], &client.PostVMRollbackParams{IdempotencyKey: key}, body)
		})
}

func newVMSnapshotRm(a *app) *cobra.Command {
	return does(a, &cobra.Command{
		Use: "rm VM NAME", Short: "Delete a snapshot",
		Long: "Deletes a snapshot of a VM. One that is gone is no error.", Example: "  waddle vm snapshot rm teleport before-upgrade",
		Args: cobra.ExactArgs(2), ValidArgsFunction: a.completeVMSnapshots,
	}, &deed{do: "delete snapshot %[2]s of VM %[1]s", ask: "Delete snapshot %[2]s of VM %[1]s?"},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.DeleteVMSnapshotResponse, error) {
			return c.DeleteVMSnapshotWithResponse(ctx, args[0], args[1], &client.DeleteVMSnapshotParams{IdempotencyKey: key})
		})
}

func (a *app) completeVMSnapshots(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return a.completeVMs(cmd, args, prefix)
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.GetVMWithResponse(ctx, args[0])
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, s := range r.JSON200.Snapshots {
			out = append(out, s.Name+"\t"+s.Description)
		}
		return out
	})
}
