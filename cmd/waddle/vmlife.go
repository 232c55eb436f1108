package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
)

func yesFlag(c *cobra.Command, k *consent) {
	c.Flags().BoolVarP(&k.yes, "yes", "y", false, "do not ask; needed where there is no terminal")
}

// agreeTo asks unless --yes was given.
func (a *app) agreeTo(ctx context.Context, k consent, question string) error {
	if err := a.checkYes(k); err != nil || k.yes {
		return err
	}
	ok, err := a.con.Confirm(ctx, question)
	if err != nil {
		return err
	}
	if !ok {
		return &failure{exit: exitRefused, problem: problem.New(codeDeclined, "", "nothing was changed")}
	}
	return nil
}

func newVMRecreate(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "recreate VM", Short: "Make a virtual machine anew; its disks are lost",
		Long: `Deletes a VM of the platform, if it is there, and makes it as the platform document says now,
of the image that it names now. What is on its disks is lost. Refused for a node that etcd's
majority stands on.`,
		Example:           "  waddle vm recreate teleport",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.agreeTo(cmd.Context(), k, fmt.Sprintf("Make VM %s anew? All that is on its disks is lost.", args[0])); err != nil {
				return err
			}
			return a.actVM(cmd.Context(), k, func(ctx context.Context, c *client.Connection, key string) (ended, running *client.Operation, status string, err error) {
				r, err := c.PostVMRecreateWithResponse(ctx, args[0], &client.PostVMRecreateParams{IdempotencyKey: &key}, client.VMRecreateRequest{Confirm: args[0]})
				if err != nil {
					return nil, nil, "", fmt.Errorf("cannot make VM %s anew: %w", args[0], err)
				}
				return r.JSON200, r.JSON202, r.Status(), nil
			})
		},
	}
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func newVMDelete(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "delete VM", Short: "Delete a virtual machine with its disks",
		Long: `Deletes a VM that waddle made or adopted, with all its disks. It is not made again before waddle
vm recreate. Refused for a node that etcd's majority stands on.`,
		Example:           "  waddle vm delete waddle-cp-3",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.agreeTo(cmd.Context(), k, fmt.Sprintf("Delete VM %s? All that is on its disks is lost.", args[0])); err != nil {
				return err
			}
			return a.actVM(cmd.Context(), k, func(ctx context.Context, c *client.Connection, key string) (ended, running *client.Operation, status string, err error) {
				r, err := c.DeleteVMWithResponse(ctx, args[0], &client.DeleteVMParams{Confirm: args[0], IdempotencyKey: &key})
				if err != nil {
					return nil, nil, "", fmt.Errorf("cannot delete VM %s: %w", args[0], err)
				}
				return r.JSON200, r.JSON202, r.Status(), nil
			})
		},
	}
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func newVMAdopt(a *app) *cobra.Command {
	var k consent
	c := &cobra.Command{
		Use: "adopt VM", Short: "Take over a virtual machine that others made",
		Long: `Shows what differs between a VM that was made by hand or by OpenTofu and what the platform
wants of it, asks, and gives the VM waddle's tag and record. Nothing else of it changes then; the
next apply puts right what can be put right without losing anything.`,
		Example:           "  waddle vm adopt teleport",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			shown, raw, err := a.vmAdoption(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			if a.table() {
				fmt.Fprint(a.preface(k), view.VMAdoption(*shown, a.look()))
			} else if !k.yes {
				return a.emitJSON(raw)
			}
			if err := a.agreeTo(cmd.Context(), k, fmt.Sprintf("Adopt VM %s (%d)?", shown.Name, shown.ID)); err != nil {
				return err
			}
			return a.actVM(cmd.Context(), k, func(ctx context.Context, c *client.Connection, key string) (ended, running *client.Operation, status string, err error) {
				r, err := c.PostVMAdoptionWithResponse(ctx, args[0], &client.PostVMAdoptionParams{IdempotencyKey: &key}, client.VMAdoptRequest{Digest: shown.Digest})
				if err != nil {
					return nil, nil, "", fmt.Errorf("cannot adopt VM %s: %w", args[0], err)
				}
				return r.JSON200, r.JSON202, r.Status(), nil
			})
		},
	}
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func (a *app) vmAdoption(ctx context.Context, c *client.Connection, name string) (*client.VMAdoption, []byte, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	r, err := c.GetVMAdoptionWithResponse(ctx, name)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot look at VM %s to adopt it: %w", name, err)
	}
	d, err := need(r.JSON200, r.Status())
	return d, r.Body, err
}
