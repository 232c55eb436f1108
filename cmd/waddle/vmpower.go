package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newVMStart(a *app) *cobra.Command {
	return a.power(client.VMPowerActionStart, &cobra.Command{
		Use: "start VM", Short: "Start a virtual machine",
		Long:    "Starts a VM. One that was stopped on purpose is kept running again from then on.",
		Example: "  waddle vm start waddle-cp-1",
	})
}

func newVMStop(a *app) *cobra.Command {
	return a.power(client.VMPowerActionStop, &cobra.Command{
		Use: "stop VM", Short: "Cut a virtual machine's power",
		Long: `Cuts the power. The VM stays off until waddle vm start: one that goes off otherwise is
started again.`,
		Example: "  waddle vm stop waddle-cp-1",
	})
}

func newVMShutdown(a *app) *cobra.Command {
	return a.power(client.VMPowerActionShutdown, &cobra.Command{
		Use: "shutdown VM", Short: "Ask a virtual machine to shut down",
		Long: `Asks the guest to shut down and gives it as long as --grace. The VM stays off until waddle vm
start. With --force one that does not listen is stopped.`,
		Example: "  waddle vm shutdown waddle-cp-1 --grace 2m --force",
	})
}

func newVMReboot(a *app) *cobra.Command {
	return a.power(client.VMPowerActionReboot, &cobra.Command{
		Use: "reboot VM", Short: "Boot a virtual machine again",
		Long: `Shuts the guest down, stops it when it has not after --grace, and starts it: what waits for
a boot becomes true.`,
		Example: "  waddle vm reboot teleport",
	})
}

// power completes a command that changes a VM's power.
func (a *app) power(action client.VMPowerAction, c *cobra.Command) *cobra.Command {
	var grace time.Duration
	var force bool
	c.Flags().DurationVar(&grace, "grace", time.Minute, "how long the guest may take to shut down")
	if action == client.VMPowerActionShutdown {
		c.Flags().BoolVar(&force, "force", false, "stop a guest that does not shut down in time")
	} else if action != client.VMPowerActionReboot {
		_ = c.Flags().MarkHidden("grace")
	}
	inRange := func() error {
		if grace < time.Second || grace > time.Hour {
			return usagef("say 1s to 1h", "--grace %s is out of range", grace)
		}
		return nil
	}
	return does(a, c, &deed{do: string(action) + " VM %[1]s", first: inRange},
		func(ctx context.Context, c *client.Connection, args []string, key *string) (*client.PostVMPowerResponse, error) {
			body := client.VMPowerRequest{Action: action, Force: force, GraceSeconds: int(grace / time.Second)}
			return c.PostVMPowerWithResponse(ctx, args[0], &client.PostVMPowerParams{IdempotencyKey: key}, body)
		})
}
