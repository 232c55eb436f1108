package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	host "github.com/waddle-social/waddle/internal/daemon"
	change "github.com/waddle-social/waddle/internal/firewall"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/pkg/netfw/confirm"
)

func emergency() *cobra.Command {
	w := &fw{}
	var o emergencyOptions
	cmd := &cobra.Command{
		Use:   "emergency --from CIDR --for DURATION",
		Short: "Let one address in for a while: for the console, when nothing else works",
		Long: `Loads the lockdown profile with SSH and the Proxmox UI (TCP 8006), or one of them, open to the
sources that are named, at most an IPv4 /8 and an IPv6 /16, and has it end by itself. It needs no
daemon, no API, no network and no state file. A change that waits for its confirmation is rolled back by it.
docs/recovery.md has the same as plain commands.`,
		Example: "  waddled emergency --from 198.51.100.7 --for 30m\n  waddled emergency --from 2001:db8::/64 --for 1h --ssh\n  waddled emergency --end",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := w.open()
			if err != nil {
				return err
			}
			if o.end {
				return endEmergency(cmd, f)
			}
			return o.begin(cmd, w, f)
		},
	}
	w.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&w.platform, "platform", host.Default().Platform, "the platform document, for its lockdown profile and SSH port; need not be readable")
	f.StringSliceVar(&o.from, "from", nil, "address or network that is let in, IPv4 or IPv6; may be given several times")
	f.DurationVar(&o.lasts, "for", 0, "how long, up to 24h")
	f.BoolVar(&o.ssh, "ssh", false, "open SSH; without --ssh and --ui both are opened")
	f.BoolVar(&o.ui, "ui", false, "open the Proxmox UI, TCP 8006")
	f.Uint16Var(&w.sshPort, "ssh-port", 0, "SSH's port (default: the platform document's, otherwise 22)")
	f.BoolVar(&o.end, "end", false, "end the emergency that is in force now")
	cmd.MarkFlagsMutuallyExclusive("end", "from")
	cmd.MarkFlagsMutuallyExclusive("end", "for")
	cmd.MarkFlagsOneRequired("end", "from")
	return cmd
}

type emergencyOptions struct {
	from         []string
	lasts        time.Duration
	ssh, ui, end bool
}

func (o *emergencyOptions) begin(cmd *cobra.Command, w *fw, f *confirm.Firewall) error {
	if o.lasts == 0 {
		return errors.New("cannot begin an emergency: say how long with --for, as in --for 30m")
	}
	sources, err := prefixes(o.from)
	if err != nil {
		return err
	}
	e, err := f.Emergency(cmd.Context(), confirm.EmergencyRequest{Sources: sources, Ports: o.ports(w), For: o.lasts, By: "root at the console"})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `%s: open now: TCP %s to %s; everything else as in %s.
It ends by itself at %s (%s), or with a reboot, or with: waddled emergency --end
`, e.ID, join(e.Ports), join(e.Sources), e.Basis, e.Until.Wall.Format(time.RFC1123Z), e.Guard)
	return err
}

// ports are those that the options name, both when they name none.
func (o *emergencyOptions) ports(w *fw) (ports []uint16) {
	if o.ssh || !o.ui {
		ports = append(ports, w.portOfSSH())
	}
	if o.ui || !o.ssh {
		ports = append(ports, platform.ProxmoxPort)
	}
	return ports
}

func (w *fw) portOfSSH() uint16 {
	if w.sshPort != 0 {
		return w.sshPort
	}
	if p, err := w.document(); err == nil {
		return uint16(p.Spec.Host.SSH.Port)
	}
	return 22
}

func endEmergency(cmd *cobra.Command, f *confirm.Firewall) error {
	s, _ := f.State(cmd.Context()) // damaged or not: the emergency has a file of its own
	if s.Emergency == nil {
		return errors.New("cannot end the emergency: none is in force")
	}
	if err := f.Rollback(cmd.Context(), s.Emergency.ID, "ended at the console"); err != nil {
		return err
	}
	is := "the last confirmed rules are loaded"
	if _, err := f.Wanted(cmd.Context()); err != nil {
		is = fmt.Sprintf("the rules for the boot are loaded, or where they are damaged too the built-in lockdown is loaded, because of this: %v", err)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s has ended: %s\n", s.Emergency.ID, is)
	return err
}

func prefixes(from []string) (out []netip.Prefix, err error) {
	for _, text := range from {
		p, ok := change.Source(text)
		if !ok {
			return nil, fmt.Errorf("cannot begin an emergency: --from %q is neither an address nor a network: as in 198.51.100.7 or 2001:db8::/64", text)
		}
		out = append(out, p)
	}
	return out, nil
}

func join[T any](list []T) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = fmt.Sprint(x)
	}
	return strings.Join(texts, ", ")
}
