package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

// completionTime is how long a completion may ask the daemon: somebody waits
// with a finger on the tab key.
const completionTime = 2 * time.Second

// ask connects for a completion; any failure means nothing to offer.
func (a *app) ask(cmd *cobra.Command, question func(context.Context, *client.Connection) []string) ([]string, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return question(ctx, c), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeContexts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	f, _, err := a.configFile()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.Names(), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeOperations(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.ListOperationsWithResponse(ctx, &client.ListOperationsParams{})
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, o := range r.JSON200.Operations {
			out = append(out, fmt.Sprintf("%s\t%s, %s", o.ID, o.Kind, o.State))
		}
		return out
	})
}

// completePhases offers the plan's phases; they are known without asking.
func completePhases(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for n := 0; view.PhaseTitle(n) != ""; n++ {
		out = append(out, fmt.Sprintf("%d\t%s", n, view.PhaseTitle(n)))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeGates offers the open gates of the phase that was typed.
func (a *app) completeGates(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completePhases(cmd, args, typed)
	}
	n, err := phaseNumber(args[0])
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Connection) []string {
		r, err := c.GetPhaseWithResponse(ctx, n)
		if err != nil || r.JSON200 == nil {
			return nil
		}
		var out []string
		for _, s := range r.JSON200.Steps {
			if s.Gate && s.Result.State != client.CheckStateDone {
				out = append(out, s.ID+"\t"+s.Title)
			}
		}
		return out
	})
}

func completePhaseFlags(c *cobra.Command, flags ...string) {
	for _, f := range flags {
		_ = c.RegisterFlagCompletionFunc(f, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return completePhases(cmd, nil, typed)
		})
	}
}
