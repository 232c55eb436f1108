package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
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
is for when it should be now.

Exit code 0 all is repaired, 5 something could not be.`,
		Example: "  waddle storage repair",
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
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
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
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.PostStorageRepairWithResponse(ctx, &client.PostStorageRepairParams{IdempotencyKey: onceKey()})
	if err != nil {
		return fmt.Errorf("cannot repair the storage: %w", err)
	}
	done, err := need(r.JSON200, r.Status())
	if err != nil {
		return err
	}
	if err := a.emitBody(r.Body, func() string { return view.StorageRepair(*done, a.look()) }); err != nil {
		return err
	}
	return unrepaired(done.Repaired, "repaired")
}

// unrepaired is the failure that some of it could not be done.
func unrepaired(all []client.StorageRepaired, how string) error {
	p := &problem.Error{Code: codeFailed, Hint: "what stands in the way is said above; run it again afterwards"}
	for _, r := range all {
		if r.Error != "" {
			p.Others = append(p.Others, r.Object)
		}
	}
	if len(p.Others) == 0 {
		return nil
	}
	p.Detail = fmt.Sprintf("%d of %d could not be %s", len(p.Others), len(all), how)
	return &failure{exit: exitFailed, problem: p}
}

func newStorageAdopt(a *app) *cobra.Command {
	var k consent
	var plan bool
	c := &cobra.Command{
		Use: "adopt", Short: "Take over the volumes of an older host",
		Long: `Shows which volumes and targets a stock democratic-csi has left under the same root dataset
and base name, asks, and takes them over. Who is logged in stays so. targetcli's restore at
boot is switched off only when it would restore nothing of others; otherwise it is left on,
and it says so. With --plan nothing is changed.

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
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
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
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.PostStorageAdoptionWithResponse(ctx, &client.PostStorageAdoptionParams{IdempotencyKey: onceKey()})
	if err != nil {
		return fmt.Errorf("cannot take over the older host's volumes: %w", err)
	}
	done, err := need(r.JSON200, r.Status())
	if err != nil {
		return err
	}
	if err := a.emitBody(r.Body, func() string { return view.Adopted(*done, a.look()) }); err != nil {
		return err
	}
	return unrepaired(done.Volumes, "taken over")
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
