package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newVM(a *app) *cobra.Command {
	return group("vm", "daily", "Look at and run the virtual machines",
		`The VMs of the platform are made and kept by waddle apply. These commands look at them and
do what is done now and then. A VM that others made is never changed before it was adopted.`,
		"  waddle vm ls",
		newVMLs(a), newVMShow(a), newVMStart(a), newVMStop(a), newVMShutdown(a), newVMReboot(a), newVMSnapshot(a),
		newVMConsole(a), newVMRecreate(a), newVMDelete(a), newVMAdopt(a))
}

func newVMLs(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the virtual machines",
		Long: `Lists the VMs of the node by number, those of others too, and those of the platform that
are not there. Nothing is changed.`,
		Example: "  waddle vm ls\n  waddle vm ls -o json | jq '.vms[] | select(.state != \"running\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, c *client.Connection) (*client.ListVMsResponse, error) {
				r, err := c.ListVMsWithResponse(ctx)
				if err != nil {
					return nil, fmt.Errorf("cannot list the VMs: %w", err)
				}
				return r, nil
			}
			return show(cmd.Context(), a, call, func(l client.VMList) string { return view.VMs(l.Vms) })
		},
	}
}

// vmDetail asks for one VM.
func (a *app) vmDetail(ctx context.Context, name string) (*client.VMDetail, []byte, error) {
	return fetch(ctx, a, func(ctx context.Context, c *client.Connection) (*client.GetVMResponse, error) {
		r, err := c.GetVMWithResponse(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("cannot look at VM %s: %w", name, err)
		}
		return r, nil
	})
}

func newVMShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show VM", Short: "Show one virtual machine",
		Long: `Shows a VM with what differs from what the platform wants of it, its snapshots, and the
addresses that its guest agent tells. Nothing is changed.`,
		Example:           "  waddle vm show teleport",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, raw, err := a.vmDetail(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.emitBody(raw, func() string { return view.VM(*d, view.Clock{Now: time.Now()}, a.look()) })
		},
	}
}

func newVMConsole(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "console VM", Short: "Say where a virtual machine's console is",
		Long: `Prints the page of Proxmox's web interface with the VM's console. It asks for a login there:
an API token cannot open a console. The address is the host's own: from elsewhere
ssh -L 8006:127.0.0.1:8006 HOST, or the name that Teleport publishes it under.`,
		Example:           "  waddle vm console teleport",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeVMs,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, _, err := a.vmDetail(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if d.Console == "" {
				return usagef("look at it with: waddle vm show "+args[0], "VM %s has no console: it is %s", args[0], d.VM.State)
			}
			return a.emit(map[string]string{"console": d.Console}, func() string { return d.Console + "\n" })
		},
	}
}

func (a *app) completeVMs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.ListVMsWithResponse(ctx)
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, v := range r.JSON200.Vms {
			if v.Ours || v.Wanted {
				out = append(out, fmt.Sprintf("%s\t%d, %s", v.Name, v.ID, v.State))
			}
		}
		return out
	})
}
