package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newStorageOrphans(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "orphans", Short: "List what does not belong together",
		Long: `Compares the volumes with the targets and lists what does not belong together: a volume
without its target, a target without a volume, a volume that was made half. What is marked
with ~ waddle storage repair sees to; the daemon does so by itself too. For the rest it says
what to do. Nothing is changed.`,
		Example: "  waddle storage orphans",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			l, err := a.orphans(cmd.Context(), c)
			if err != nil {
				return err
			}
			return a.emit(l, func() string { return view.Orphans(l.Orphans, a.look()) })
		},
	}
}

func (a *app) orphans(ctx context.Context, c *client.Connection) (*client.OrphanList, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.ListOrphansWithResponse(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot look for orphans: %w", err)
	}
	return need(r.JSON200, r.Status())
}

func newStorageRepair(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "repair", Short: "Repair what does not belong together",
		Long: `Shows what waddle storage orphans shows, asks, and makes the targets as the volumes say.
Targets that no volume has are removed. No volume is ever destroyed, and nobody's session is
ended: what would need that is left, and says so. The daemon repairs by itself as well; this
is for when it should be now. It is an operation: it goes on when this program ends, and
waddle op show says afterwards what was done.

Exit code 0 all is repaired, 5 something could not be.`,
		Example: "  waddle storage repair\n  waddle storage repair --yes --detach",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.mayAsk(k, "waddle storage orphans"); err != nil {
				return err
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			return a.repair(cmd.Context(), c, k)
		},
	}
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func (a *app) repair(ctx context.Context, c *client.Connection, k consent) error {
	if !k.yes {
		l, err := a.orphans(ctx, c)
		if err != nil {
			return err
		}
		fmt.Fprint(a.con.Err, view.Orphans(l.Orphans, a.look()))
		if !view.Repairable(l.Orphans) {
			fmt.Fprintln(a.con.Err, "nothing to repair")
			return nil
		}
	}
	if err := a.agree(ctx, client.Plan{}, &k, "Repair what is marked with ~?"); err != nil {
		return err
	}
	return a.launch(ctx, c, k, func(ctx context.Context, c *client.Connection, _ consent, key string) (*client.Operation, error) {
		r, err := c.PostStorageRepairWithResponse(ctx, &client.PostStorageRepairParams{IdempotencyKey: &key})
		if err != nil {
			return nil, fmt.Errorf("cannot repair the storage: %w", err)
		}
		return either(r.JSON200, r.JSON202, r.Status())
	})
}

func newStorageAdopt(a *app) *cobra.Command {
	var k consent
	var plan bool
	c := &cobra.Command{
		Use: "adopt", Short: "Take over the volumes of an older host",
		Long: `Shows which volumes and targets a stock democratic-csi has left under the same root dataset
and base name, asks, and takes them over. Who is logged in stays so. targetcli's restore at
boot is switched off only when it would restore nothing of others; otherwise it is left on,
and it says so. With --plan nothing is changed. It is an operation, as waddle storage repair.

Exit code 0 all is taken over, 5 something could not be.`,
		Example: "  waddle storage adopt --plan\n  waddle storage adopt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !plan {
				if err := a.mayAsk(k, "waddle storage adopt --plan"); err != nil {
					return err
				}
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			if plan {
				found, err := a.adoption(cmd.Context(), c)
				if err != nil {
					return err
				}
				return a.emit(found, func() string { return view.Adoption(*found, a.look()) })
			}
			return a.adopt(cmd.Context(), c, k)
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "show what would be taken over and change nothing")
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func (a *app) adopt(ctx context.Context, c *client.Connection, k consent) error {
	found, err := a.adoption(ctx, c)
	if err != nil {
		return err
	}
	if !k.yes {
		fmt.Fprint(a.con.Err, view.Adoption(*found, a.look()))
		if len(found.Volumes) == 0 && (!found.Restore.Enabled || len(found.Restore.Foreign) > 0) {
			return nil // the view has said so
		}
	}
	if err := a.agree(ctx, client.Plan{}, &k, "Take this over?"); err != nil {
		return err
	}
	return a.launch(ctx, c, k, func(ctx context.Context, c *client.Connection, _ consent, key string) (*client.Operation, error) {
		r, err := c.PostStorageAdoptionWithResponse(ctx, &client.PostStorageAdoptionParams{IdempotencyKey: &key})
		if err != nil {
			return nil, fmt.Errorf("cannot take over the older host's volumes: %w", err)
		}
		return either(r.JSON200, r.JSON202, r.Status())
	})
}

func (a *app) adoption(ctx context.Context, c *client.Connection) (*client.StorageAdoption, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetStorageAdoptionWithResponse(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot look for an older host's volumes: %w", err)
	}
	return need(r.JSON200, r.Status())
}
