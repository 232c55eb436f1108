package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

func newOp(a *app) *cobra.Command {
	return group("op", "look", "Look at operations: the runs of steps",
		`An operation is one durable run of steps: an apply, an undo, or a repair. It goes on when
this program ends, and after a restart of the daemon.`,
		"  waddle op ls", newOpLs(a), newOpShow(a), newOpWatch(a), newOpCancel(a))
}

func newOpLs(a *app) *cobra.Command {
	var states []string
	var limit int
	c := &cobra.Command{
		Use: "ls", Short: "List the operations, newest first",
		Long:    "Lists the operations that the journal still has, newest first.",
		Example: "  waddle op ls --limit 5\n  waddle op ls --state failed --state interrupted",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			params := &client.ListOperationsParams{Limit: &limit}
			for _, s := range states {
				if !client.OperationState(s).Valid() {
					return usagef("states are running, done, waiting, failed, cancelled and interrupted", "there is no state %q", s)
				}
				params.State = append(params.State, client.OperationState(s))
			}
			call := func(ctx context.Context, c *client.Connection) (*client.ListOperationsResponse, error) {
				return c.ListOperationsWithResponse(ctx, params)
			}
			return show(cmd.Context(), a, call, func(l client.OperationList) string { return view.Operations(l.Operations, view.Clock{Now: time.Now()}) })
		},
	}
	c.Flags().StringArrayVar(&states, "state", nil, "only operations in this `state`; may be given several times")
	c.Flags().IntVar(&limit, "limit", 20, "how many at most")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{"running", "done", "waiting", "failed", "cancelled", "interrupted"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func newOpShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show [ID]", Short: "Show one operation with its steps",
		Long:              "Shows who asked for an operation, what each step found and did, and how long it took. Without ID the newest one.",
		Example:           "  waddle op show",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := a.operationID(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			o, err := a.getOperation(cmd.Context(), c, id)
			if err != nil {
				return err
			}
			return a.emit(o, func() string { return view.Operation(*o, view.Clock{Now: time.Now()}, a.look()) })
		},
	}
}

func newOpWatch(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "watch [ID]", Short: "Follow an operation to its end",
		Long: `Shows an operation's steps as they run, or one line an event where there is no terminal.
Without ID the one that is running, or else the newest. Ctrl-C leaves the view and
changes nothing. The exit code says how the operation ended, as with waddle apply.`,
		Example:           "  waddle op watch",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			id, err := a.operationID(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return a.watch(cmd.Context(), c, id)
		},
	}
}

func newOpCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID", Short: "Stop an operation after the running step",
		Long: `Asks the daemon to stop an operation. The running step is finished first, so that nothing
is left half done; what was done stays. One that has ended already is left as it is.`,
		Example:           "  waddle op cancel 01JD8Q2S0ZK4",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOperations,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := c.PostOperationCancelWithResponse(ctx, args[0], &client.PostOperationCancelParams{})
			if err != nil {
				return fmt.Errorf("cannot cancel operation %s: %w", args[0], err)
			}
			o, err := either(r.JSON200, r.JSON202, r.Status())
			if err != nil {
				return err
			}
			return a.emit(o, func() string {
				if o.State.Final() {
					return "operation " + o.ID + " has ended: " + string(o.State) + "\n"
				}
				return "operation " + o.ID + " stops after the running step; see waddle op watch " + o.ID + "\n"
			})
		},
	}
}

// operationID is the one that was named, or the running one, or the newest.
func (a *app) operationID(ctx context.Context, c *client.Connection, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	limit := 1
	for _, states := range [][]client.OperationState{{client.OperationStateRunning}, nil} {
		r, err := c.ListOperationsWithResponse(ctx, &client.ListOperationsParams{State: states, Limit: &limit})
		if err != nil {
			return "", fmt.Errorf("cannot find the newest operation: %w", err)
		}
		if r.JSON200 != nil && len(r.JSON200.Operations) > 0 {
			return r.JSON200.Operations[0].ID, nil
		}
	}
	return "", usagef("waddle apply starts one", "there is no operation yet")
}
