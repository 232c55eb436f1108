package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/client"
)

func newVersion(a *app) *cobra.Command {
	var onlyClient bool
	c := &cobra.Command{
		Use: "version", GroupID: "other", Short: "Show the versions of this program and of the daemon",
		Long: `Shows the version of this program and, when the daemon can be reached, the daemon's and
that of its API. A daemon that is not there is no error here.`,
		Example: "  waddle version\n  waddle version --client",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Client: version}
			if onlyClient {
				return a.emit(v, v.text)
			}
			conn, err := a.connect()
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			r, err := conn.GetVersionWithResponse(ctx)
			var far *client.UnreachableError
			switch {
			case errors.As(err, &far):
				v.Note = short(err)
			case err != nil:
				return err
			default:
				v.Daemon = r.JSON200
			}
			return a.emit(v, v.text)
		},
	}
	c.Flags().BoolVar(&onlyClient, "client", false, "do not ask the daemon")
	return c
}

type versions struct {
	Client string          `json:"client"`
	Daemon *client.Version `json:"daemon,omitempty"`
	Note   string          `json:"note,omitempty"`
}

func (v versions) text() string {
	text := "waddle  " + v.Client + "\n"
	if v.Daemon != nil {
		text += fmt.Sprintf("waddled %s (API %s, %s)\n", v.Daemon.Version, v.Daemon.API, v.Daemon.Go)
	}
	if v.Note != "" {
		text += "waddled " + v.Note + "\n"
	}
	return text
}
