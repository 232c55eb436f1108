package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve"
	"github.com/waddle-social/waddle/internal/lab/pvesh"
	"github.com/waddle-social/waddle/pkg/vms/rest"
)

// pveshEnv makes this program pvesh: URL|node|CA file|password file.
const pveshEnv = "WADDLED_TEST_PVESH"

func TestMain(m *testing.M) {
	if a := strings.Split(os.Getenv(pveshEnv), "|"); len(a) == 4 && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(pvesh.Main(context.Background(), pvesh.Options{URL: a[0], ServerName: a[1], CAFile: a[2], PasswordFile: a[3]}, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestSetupProxmoxGivesTheDaemonATokenAndPrintsItNowhere(t *testing.T) {
	dir := t.TempDir()
	node, err := pve.Open(t.Context(), pve.Options{Dir: dir, Timing: pve.Scaled(0.002)})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	password, file := filepath.Join(dir, "password"), filepath.Join(dir, "proxmox-token")
	if err := os.WriteFile(password, []byte("root-password"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pveshEnv, strings.Join([]string{node.URL(), node.Node(), node.CAFile(), password}, "|"))
	run := func(more ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := command()
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(append([]string{"setup", "proxmox", "--pvesh", os.Args[0], "--token-file", file, "--url", node.URL(), "--ca-file", node.CAFile(), "--node", node.Node()}, more...))
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		return out.String()
	}
	read := func() (secret string) {
		t.Helper()
		token, err := rest.TokenFile(file)()
		if err != nil {
			t.Fatal(err)
		}
		_, secret, _ = strings.Cut(token, "=")
		return secret
	}
	if out := run("--dry-run"); !strings.Contains(out, "changes would be made") {
		t.Error(out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a dry run wrote the token")
	}
	first := run()
	old := read()
	if !strings.Contains(first, "role waddle-vms: made with ") || !strings.Contains(first, file+": written") || strings.Contains(first, old) {
		t.Error(first)
	}
	if out := run(); out != "nothing to do: the access to Proxmox is as it has to be\n" {
		t.Error(out)
	}
	rotated := run("--rotate")
	if now := read(); now == old || strings.Contains(rotated, now) || !strings.Contains(rotated, "token waddle@pve!daemon-1: removed") {
		t.Error(rotated)
	}
}
