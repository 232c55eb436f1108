package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/phase"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

// fw is where the firewall's truth is.
type fw struct {
	dir, run, platform string
	sshPort            uint16 // 0: the document's
}

func (w *fw) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&w.dir, "dir", confirm.DefaultDir, "directory of the rules and of what is confirmed")
	f.StringVar(&w.run, "run-dir", confirm.DefaultRun, "directory of the lock and of an emergency, on a tmpfs")
}

func (w *fw) open() (*confirm.Firewall, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("cannot open the firewall: only root may change the rules")
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program for the rollback: %w", err)
	}
	log := logger(false)
	return confirm.Open(confirm.Options{
		Dir: w.dir, Run: w.run, Log: log,
		Loader:   netfw.New(netfw.Options{Log: log}),
		Guard:    confirm.HostGuard(program, w.dir, w.run),
		Lockdown: w.lockdown,
	})
}

// lockdown is the emergency profile of the host's own platform document.
func (w *fw) lockdown(x netfw.Exception) (netfw.RuleSet, error) {
	p, err := w.document()
	if err != nil {
		return netfw.RuleSet{}, err
	}
	if w.sshPort != 0 { // the document is wrong about it
		p.Spec.Host.SSH.Port = platform.Port(w.sshPort)
	}
	return phase.EmergencyRules(p, x)
}

func (w *fw) document() (*platform.Platform, error) {
	if w.platform == "" {
		return nil, errors.New("no platform document is named")
	}
	b, err := os.ReadFile(w.platform)
	if err != nil {
		return nil, err
	}
	return platform.Parse(filepath.Base(w.platform), b)
}

func firewall() *cobra.Command {
	w := &fw{}
	cmd := &cobra.Command{
		Use:   "firewall",
		Short: "What boot, rollback and an operator at the console do with the firewall",
		Long: `These commands need no daemon, no network and no database. waddled-firewall.service calls load,
the rollback of an unconfirmed change calls expire. People use: waddle firewall.`,
		Args: cobra.NoArgs,
	}
	w.flags(cmd)
	cmd.AddCommand(w.load(), w.expire(), w.guard(), w.show())
	return cmd
}

func (w *fw) load() *cobra.Command {
	return &cobra.Command{
		Use:   "load",
		Short: "Load the last confirmed rules, as at boot",
		Long: `Loads the last confirmed rules of both families. A change that waits for its confirmation is
rolled back, an emergency ends. When what is saved is damaged, the built-in lockdown is loaded:
nothing is let in, and the console is the way in.`,
		Example: "  waddled firewall load",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := w.open()
			if err != nil {
				return err
			}
			return f.Boot(cmd.Context())
		},
	}
}

func (w *fw) expire() *cobra.Command {
	var id string
	var at int64
	cmd := &cobra.Command{
		Use:   "expire",
		Short: "Roll back the change that was not confirmed in time",
		Long: `Rolls back what is due and ends an emergency whose time is over. When nothing is due it does
nothing. With --id it tries until the rules are right, as the rollback's timer does.`,
		Example: "  waddled firewall expire",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := w.open()
			if err != nil {
				return err
			}
			if at != 0 {
				return f.Awaited(cmd.Context(), id, time.Duration(at))
			}
			if id != "" {
				return f.Guarded(cmd.Context(), id)
			}
			return f.Expire(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "the change that it is for, in messages")
	cmd.Flags().Int64Var(&at, "at", 0, "wait until then first, in nanoseconds of CLOCK_BOOTTIME, as the rollback's timer says")
	return cmd
}

func (w *fw) guard() *cobra.Command {
	var id string
	var at int64
	var detached bool
	cmd := &cobra.Command{
		Use:    "guard",
		Short:  "Wait for a deadline in a process of its own, then expire",
		Long:   "Started by waddled where there is no systemd. It prints the guard's process id once its timer is set.",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if detached {
				f, err := w.open()
				if err != nil {
					return err
				}
				return f.Guarding(cmd.Context(), id, time.Duration(at))
			}
			args := slices.Concat([]string{"firewall", "guard", "--detached"}, os.Args[3:])
			pid, err := confirm.Detach("/proc/self/exe", args, filepath.Join(w.run, "guard.log"))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), pid)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&id, "id", "", "the change or emergency")
	f.Int64Var(&at, "at", 0, "the deadline, in nanoseconds of CLOCK_BOOTTIME")
	f.BoolVar(&detached, "detached", false, "be the guard itself")
	return cmd
}

func (w *fw) show() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Say what is confirmed, and what is pending until when",
		Example: "  waddled firewall show\n  waddled firewall show --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := w.open()
			if err != nil {
				return err
			}
			s, damaged := f.State(cmd.Context())
			if asJSON && damaged == nil {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(struct {
					confirm.State
					Emergency *confirm.Emergency `json:"emergency,omitempty"`
				}{s, s.Emergency})
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), describe(s))
			return errors.Join(damaged, err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print state.json's form")
	return cmd
}

func describe(s confirm.State) string {
	out := "confirmed: nothing yet through waddle firewall set\n"
	if c := s.Confirmed; c != nil {
		out = fmt.Sprintf("confirmed: %s (%s) at %s by %s\n", c.Profile, c.ID, c.At.Format(time.RFC3339), c.By)
	}
	if p := s.Pending; p != nil {
		out += fmt.Sprintf("pending: %s (%s) by %s from %s: rolls back at %s (%s)\n", p.Profile, p.ID, p.By, p.From, p.Deadline.Wall.Format(time.RFC3339), p.Guard)
	}
	if e := s.Emergency; e != nil {
		out += fmt.Sprintf("emergency: %s: TCP %v open to %v until %s (%s)\n", e.ID, e.Ports, e.Sources, e.Until.Wall.Format(time.RFC3339), e.Guard)
	}
	if l := s.Last; l != nil {
		out += fmt.Sprintf("last change: %s (%s) was %s at %s: %s\n", l.Profile, l.ID, l.Result, l.At.Format(time.RFC3339), l.Reason)
	}
	return out
}
