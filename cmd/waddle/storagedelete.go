package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
)

// deletion is what the operator agrees to lose.
type deletion struct {
	yes, force, unclaimed, snapshots bool
}

func newStorageDelete(a *app) *cobra.Command {
	var d deletion
	c := &cobra.Command{
		Use: "delete VOLUME [VOLUME]", Short: "Destroy a volume and what is on it",
		Long: `Takes a volume's target away and destroys the volume with all that is on it. On a terminal
it shows the volume and wants its name once more; in a script write the name twice, or
--yes.

A volume that Kubernetes knows is refused: delete its claim there (kubectl get pv shows
which), and democratic-csi deletes the volume. When the cluster does not know it any more,
because it is gone or was made anew, add --unclaimed. Likewise --force cuts off initiators
that are logged in, for a node that is gone for good, and --snapshots lets the volume's
snapshots go with it. As long as a clone depends on it, it stays in any case. What is
refused has changed nothing.`,
		Example: `  waddle storage delete scratch
  waddle storage delete scratch scratch
  waddle storage delete pvc-0b6f2a4e-5f0d-4f5e-9d0c-2f4c8f1d7a11 --unclaimed --yes`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeVolumes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deleteVolume(cmd.Context(), args, d)
		},
	}
	c.Flags().BoolVarP(&d.yes, "yes", "y", false, "do not ask for the name once more")
	c.Flags().BoolVar(&d.force, "force", false, "cut off initiators that are logged in; what they have not written yet is lost")
	c.Flags().BoolVar(&d.unclaimed, "unclaimed", false, "you have looked: no PersistentVolume of the cluster is this volume")
	c.Flags().BoolVar(&d.snapshots, "snapshots", false, "destroy its snapshots with it")
	return c
}

func (a *app) deleteVolume(ctx context.Context, args []string, d deletion) error {
	name := args[0]
	if len(args) == 2 && args[1] != name {
		return usagef("write the same name twice", "nothing was deleted: %s and %s are two names", name, args[1])
	}
	if err := checkNames(name); err != nil {
		return err
	}
	agreed := d.yes || len(args) == 2
	if !agreed && (!a.con.Interactive() || !a.table()) {
		return usagef("write the name twice, or --yes, once you have looked at waddle storage show", "nobody can be asked for the name once more")
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	if !agreed {
		if err := a.nameAgain(ctx, c, name); err != nil {
			return err
		}
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	_, err = c.DeleteVolumeWithResponse(ctx, name, &client.DeleteVolumeParams{
		Confirm: name, Force: &d.force, Unclaimed: &d.unclaimed, Snapshots: &d.snapshots,
	})
	if err != nil {
		return fmt.Errorf("cannot delete volume %s: %w", name, err)
	}
	fmt.Fprintf(a.con.Err, "volume %s is deleted\n", name)
	return nil
}

// nameAgain shows the volume and wants its name typed.
func (a *app) nameAgain(ctx context.Context, c *client.Connection, name string) error {
	v, err := a.volume(ctx, c, name)
	if err != nil {
		return err
	}
	fmt.Fprint(a.con.Out, view.Volume(*v, view.Clock{Now: time.Now()}, a.look()))
	typed, err := a.con.Ask(ctx, "Everything on it will be lost. Write the volume's name to delete it", "")
	if err != nil {
		return err
	}
	if typed != name {
		return &failure{exit: exitRefused, problem: problem.New(codeDeclined, "", "nothing was deleted: that is not the volume's name")}
	}
	return nil
}
