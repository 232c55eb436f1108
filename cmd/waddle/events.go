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

// idle is the silence after which all kept events are taken to have been sent:
// the stream itself has no end.
const idle = time.Second

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
				return a.printEvents(cmd.Context(), c, from, 0)
			}
			return a.printEvents(cmd.Context(), c, &after, idle)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show new events as they come")
	c.Flags().Uint64Var(&after, "after", 0, "only events after the one with this sequence `number`")
	return c
}

// printEvents writes events until ctx ends, or until none came for as long as
// silence says; 0 waits for ever.
func (a *app) printEvents(ctx context.Context, c *client.Connection, after *uint64, silence time.Duration) error {
	quiet := false
	streaming, stop := context.WithCancel(ctx)
	defer stop()
	var timer *time.Timer
	if silence > 0 {
		if _, err := c.GetVersionWithResponse(streaming); err != nil { // a daemon that is not there is no silence
			return fmt.Errorf("cannot read the events: %w", err)
		}
		timer = time.AfterFunc(silence, stop)
		defer timer.Stop()
	}
	for e, err := range c.Events(streaming, after) {
		switch {
		case ctx.Err() == nil && streaming.Err() != nil:
			quiet = true
		case err != nil:
			return fmt.Errorf("cannot read the events: %w", err)
		default:
			if err := a.printEvent(e); err != nil {
				return err
			}
			if timer != nil {
				timer.Reset(silence)
			}
		}
		if quiet {
			return nil
		}
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
