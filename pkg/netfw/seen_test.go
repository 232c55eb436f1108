package netfw

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSeenShowsTheWholePicture(t *testing.T) {
	s := newSite(t)
	s.applyAll(Consent{})
	s.plugVMs()
	run(t, "iptables -A INPUT -p udp --dport 53 -j ACCEPT; ip6tables -A OUTPUT -p tcp --dport 25 -j DROP")
	if !s.internet.reaches("203.0.113.10:22", true) {
		t.Fatal("SSH is closed")
	}
	got, err := s.Seen(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(got.Links, func(l SeenLink) bool { return l.Name == "vmbr1" })
	if i < 0 {
		t.Fatalf("no vmbr1: %v", got.Links)
	}
	l := got.Links[i]
	if l.Type != "bridge" || !l.Up || prefixes(l.Addresses) != "10.10.0.1/24" || strings.Join(l.Ports, " ") != "tap110i0 tap111i0" {
		t.Errorf("vmbr1: %+v", l)
	}
	if !got.Forwarding || got.Flavour != NFTables || got.Version == "" {
		t.Errorf("forwarding %t, flavour %s, version %s", got.Forwarding, got.Flavour, got.Version)
	}
	if got.Foreign[IPv4] != 1 || got.Foreign[IPv6] != 1 {
		t.Errorf("rules of others: %v", got.Foreign)
	}
	if len(got.Chains) != 5 {
		t.Fatalf("chains: %v", got.Chains)
	}
	counted := false
	for _, c := range got.Chains {
		if c.Jumps != 1 || !c.First || len(c.Rules) == 0 {
			t.Errorf("chain %s/%s %s: %+v", c.Family, c.Table, c.Name, c)
		}
		for _, r := range c.Rules {
			counted = counted || r.Rule == "-p tcp -m tcp --dport 22 -j ACCEPT" && r.Packets > 0 && r.Bytes > 0
		}
	}
	if !counted {
		t.Error("the SSH rule counted nothing")
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
}

func TestPreflightFindsNothingMissingHere(t *testing.T) {
	h := newHost(t)
	before := h.state()
	if got := h.Preflight(context.Background()); len(got) > 0 {
		t.Errorf("preflight: %v", got)
	}
	equal(t, "after preflight", before, h.state())
}

func TestPreflightNamesWhatIsMissing(t *testing.T) {
	t.Run("no iptables", func(t *testing.T) {
		h := newHost(t)
		t.Setenv("PATH", t.TempDir())
		wantLine(t, h, "install the package iptables")
	})
	t.Run("the two families are of different flavours", func(t *testing.T) {
		h := newHost(t)
		t.Setenv("PATH", mixedTools(t)+":"+os.Getenv("PATH"))
		wantLine(t, h, "update-alternatives --config iptables")
	})
	t.Run("the legacy flavour has rules beside ours", func(t *testing.T) {
		h := newHost(t)
		run(t, "iptables-legacy -A INPUT -p tcp --dport 5 -j DROP")
		wantLine(t, h, "both flavours of iptables have rules")
	})
	t.Run("no proc", func(t *testing.T) {
		h := newHost(t)
		h.Driver = New(Options{Root: h.root, Proc: t.TempDir()})
		wantLine(t, h, "is proc mounted")
	})
	t.Run("a table that iptables cannot read", func(t *testing.T) {
		h := newHost(t)
		h.fail = func(op string) error {
			if op == "netfw:exec:ip6tables-restore --test" {
				return errFault
			}
			return nil
		}
		wantLine(t, h, "cannot be loaded here")
	})
}

func wantLine(t *testing.T, h *host, want string) {
	t.Helper()
	got := h.Preflight(context.Background())
	if len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "\n") {
		t.Errorf("preflight: %q, want one line with %q", got, want)
	}
}

// mixedTools is a directory in which ip6tables-save is the legacy one.
func mixedTools(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Symlink("/usr/sbin/xtables-legacy-multi", filepath.Join(dir, "ip6tables-save")); err != nil {
		t.Fatal(err)
	}
	return dir
}
