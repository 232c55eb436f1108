package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
	"github.com/waddle-social/waddle/internal/problem"
)

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
	return does(a, &cobra.Command{
		Use: "recreate VM", Short: "Make a virtual machine anew; its disks are lost",
		Long: `Deletes a VM of the platform, if it is there, and makes it as the platform document says now,
of the image that it names now. What is on its disks is lost. Refused for a node that etcd's
majority stands on.`,
		Example: "  waddle vm recreate teleport",
	}, &deed{do: "make VM %[1]s anew", ask: "Make VM %[1]s anew? All that is on its disks is lost."},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.PostVMRecreateResponse, error) {
			return c.PostVMRecreateWithResponse(ctx, args[0], &client.PostVMRecreateParams{IdempotencyKey: key}, client.VMRecreateRequest{Confirm: args[0]})
		})
}

func newVMDelete(a *app) *cobra.Command {
	return does(a, &cobra.Command{
		Use: "delete VM", Short: "Delete a virtual machine with its disks",
		Long: `Deletes a VM that waddle made or adopted, with all its disks. It is not made again before waddle
vm recreate. Refused for a node that etcd's majority stands on.`,
		Example: "  waddle vm delete waddle-cp-3",
	}, &deed{do: "delete VM %[1]s", ask: "Delete VM %[1]s? All that is on its disks is lost."},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.DeleteVMResponse, error) {
			return c.DeleteVMWithResponse(ctx, args[0], &client.DeleteVMParams{Confirm: args[0], IdempotencyKey: key})
		})
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
			shown, raw, err := a.vmAdoption(cmd.Context(), args[0])
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
			return carryOut(cmd.Context(), a, k, "adopt VM "+args[0], func(ctx context.Context, c *client.Connection, key *string) (*client.PostVMAdoptionResponse, error) {
				return c.PostVMAdoptionWithResponse(ctx, args[0], &client.PostVMAdoptionParams{IdempotencyKey: key}, client.VMAdoptRequest{Digest: shown.Digest})
			})
		},
	}
	yesFlag(c, &k)
	detachFlag(c, &k)
	return c
}

func (a *app) vmAdoption(ctx context.Context, name string) (*client.VMAdoption, []byte, error) {
	return fetch(ctx, a, func(ctx context.Context, c *client.Connection) (*client.GetVMAdoptionResponse, error) {
		r, err := c.GetVMAdoptionWithResponse(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("cannot look at VM %s to adopt it: %w", name, err)
		}
		return r, nil
	})
}
