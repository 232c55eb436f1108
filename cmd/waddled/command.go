package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	host "github.com/waddle-social/waddle/internal/daemon"
	"github.com/waddle-social/waddle/internal/server"
)

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "waddled",
		Short: "Own a Proxmox VE host's network, firewall, storage backend and platform VMs",
		Long: `waddled keeps one Proxmox VE host as its platform document says. It is started by systemd
(waddled.service) and asked through its REST API; waddle is the command for people.`,
		SilenceUsage: true, SilenceErrors: true,
		Version: version,
	}
	root.AddCommand(serve(), firewall(), emergency(), setup())
	return root
}

func serve() *cobra.Command {
	c := host.Default()
	var verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon",
		Long: `Runs until SIGTERM. It owns nothing before a platform is applied. An operation that an earlier
daemon left unfinished is taken up again.`,
		Example: "  waddled serve\n  waddled serve --verbose",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return fmt.Errorf("cannot find this program for the rollback of firewall changes: %w", err)
			}
			c.Program = program
			c.Log = logger(verbose)
			c.Version = server.Version{Version: version, Commit: commit()}
			if c.Storage, err = machine(); err != nil {
				return err
			}
			c.Ready = func() { notify(c.Log) }
			return host.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Platform, "platform", c.Platform, "the platform document")
	f.StringVar(&c.StateDir, "state-dir", c.StateDir, "directory of the state file and the TLS certificates")
	f.StringVar(&c.Socket, "socket", c.Socket, "the unix socket")
	f.StringVar(&c.Group, "group", c.Group, "group whose members may use the socket, beside root")
	f.BoolVarP(&verbose, "verbose", "v", false, "log every request and side effect")
	return cmd
}

// logger writes for the journal, which adds the time itself.
func logger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey && os.Getenv("JOURNAL_STREAM") != "" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// notify tells systemd that requests are served (Type=notify).
func notify(log *slog.Logger) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("cannot tell systemd that waddled is ready", "error", fmt.Errorf("sd_notify: %w", err))
	}
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
