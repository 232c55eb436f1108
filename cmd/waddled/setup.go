package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	host "github.com/waddle-social/waddle/internal/daemon"
	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/proxmox"
	"github.com/waddle-social/waddle/pkg/vms/access"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

func setup() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare the host for waddled: once, as root, at the console",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(setupProxmox())
	return cmd
}

type proxmoxSetup struct {
	o        access.Options
	pvesh    string
	platform string
	node     string
	url, ca  string
}

func setupProxmox() *cobra.Command {
	s := &proxmoxSetup{}
	cmd := &cobra.Command{
		Use:   "proxmox",
		Short: "Give waddled a user, roles and an API token in Proxmox VE",
		Long: `Makes the user waddle@pve, one role for each path of the ACL with the privileges that waddled's
calls need and no other, and an API token with privilege separation, through pvesh, which is
Proxmox's own way in for root. The token goes into a file for root alone, where the daemon reads it
at each request, and is printed nowhere. What is right already is left as it is: run it again after
an update of waddle, or when waddle preflight says that a privilege is missing.`,
		Example: "  waddled setup proxmox\n  waddled setup proxmox --dry-run\n  waddled setup proxmox --rotate",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.BoolVar(&s.o.Rotate, "rotate", false, "make a new token and delete the old one")
	f.BoolVar(&s.o.DryRun, "dry-run", false, "say what would be changed, and change nothing")
	f.StringVar(&s.o.TokenFile, "token-file", access.DefaultTokenFile, "where the token is kept")
	f.StringVar(&s.pvesh, "pvesh", "pvesh", "Proxmox's command")
	f.StringVar(&s.platform, "platform", host.Default().Platform, "the platform document, for the node's name; need not be readable")
	f.StringVar(&s.node, "node", "", "the node's name (default: the platform document's, otherwise the host's short name)")
	f.StringVar(&s.url, "url", proxmox.URL, "Proxmox's API, where the token is tried")
	f.StringVar(&s.ca, "ca-file", proxmox.CAFile, "certificates that the API's is checked against")
	return cmd
}

func (s *proxmoxSetup) run(cmd *cobra.Command) error {
	if err := onlyRoot(); err != nil {
		return err
	}
	node, err := s.nodeName()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	s.o.Root, s.o.Grants = access.Pvesh{Program: s.pvesh}, proxmox.Grants()
	s.o.Say = func(change string) { _, _ = fmt.Fprintln(out, change) }
	s.o.Verify = func(ctx context.Context, token string) error {
		c := rest.New(rest.Options{URL: s.url, ServerName: node, CAFile: s.ca, Token: func() (string, error) { return token, nil }})
		defer c.Close()
		return access.Try(ctx, c)
	}
	changes, err := access.Run(cmd.Context(), s.o)
	if err != nil {
		return err
	}
	switch {
	case changes == 0:
		_, err = fmt.Fprintln(out, "nothing to do: the access to Proxmox is as it has to be")
	case s.o.DryRun:
		_, err = fmt.Fprintf(out, "%d changes would be made; run it without --dry-run\n", changes)
	}
	return err
}

func (s *proxmoxSetup) nodeName() (string, error) {
	if s.node != "" {
		return s.node, nil
	}
	if b, err := os.ReadFile(s.platform); err == nil {
		if p, err := platform.Parse(s.platform, b); err == nil {
			return string(p.Spec.Host.Node), nil
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("cannot find this node's name: %w; say it with --node", err)
	}
	short, _, _ := strings.Cut(name, ".")
	return short, nil
}

func onlyRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	name := "somebody else"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return errors.New("cannot set up the access to Proxmox as " + name + ": only root may; run it with sudo or at the console")
}
