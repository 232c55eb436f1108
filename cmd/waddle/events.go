package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
	"github.com/waddle-social/waddle/cmd/waddle/internal/view"
)

// The silence after which all kept events are taken to have been sent: the stream
// itself has no end. The first one may take longer.
const (
	firstIdle = 3 * time.Second
	idle      = time.Second
)

func newEvents(a *app) *cobra.Command {
	var follow bool
	var after uint64
	c := &cobra.Command{
		Use: "events", GroupID: "look", Short: "Show what happened, or follow what happens",
		Long: `Shows the events that the daemon still keeps: operations, steps, drift, repairs, changes of
the platform document. With -f it shows what comes from now on until Ctrl-C, also over
restarts of the daemon. With -o json each event is one line.`,
		Example: "  waddle events\n  waddle events -f -o json | jq -c 'select(.type == \"drift\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			if follow {
				var from *uint64
				if cmd.Flags().Changed("after") {
					from = &after
				}
				return a.followEvents(cmd.Context(), c, from)
			}
			return a.keptEvents(cmd.Context(), c, after)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show new events as they come")
	c.Flags().Uint64Var(&after, "after", 0, "only events after the one with this sequence `number`")
	return c
}

// followEvents writes events until ctx ends.
func (a *app) followEvents(ctx context.Context, c *client.Connection, after *uint64) error {
	for e, err := range c.Events(ctx, after) {
		if err != nil {
			return fmt.Errorf("cannot read the events: %w", err)
		}
		if err := a.printEvent(e); err != nil {
			return err
		}
	}
	return nil
}

// keptEvents writes the events that the daemon still has. It asks for something
// else first: a daemon that is not there is no silence, and a stream waits for it.
func (a *app) keptEvents(ctx context.Context, c *client.Connection, after uint64) error {
	limited, cancel := a.limited(ctx)
	defer cancel()
	if _, err := c.GetVersionWithResponse(limited); err != nil {
		return fmt.Errorf("cannot read the events: %w", err)
	}
	streaming, stop := context.WithCancel(ctx)
	defer stop()
	silence := time.AfterFunc(firstIdle, stop)
	defer silence.Stop()
	for e, err := range c.Events(streaming, &after) {
		if streaming.Err() != nil {
			return ctx.Err() // nil: it was the silence
		}
		if err != nil {
			return fmt.Errorf("cannot read the events: %w", err)
		}
		if err := a.printEvent(e); err != nil {
			return err
		}
		silence.Reset(idle)
	}
	return nil
}

func (a *app) printEvent(e client.Event) error {
	if a.table() {
		_, err := fmt.Fprint(a.con.Out, view.Event(e))
		return err
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("cannot print an event: %w", err)
	}
	if a.flags.output == outYAML {
		if raw, err = yaml.JSONToYAML(raw); err != nil {
			return fmt.Errorf("cannot print an event: %w", err)
		}
		raw = append([]byte("---\n"), raw...)
		_, err = a.con.Out.Write(raw)
		return err
	}
	_, err = fmt.Fprintln(a.con.Out, string(raw))
	return err
}
