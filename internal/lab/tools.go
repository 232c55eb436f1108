package lab

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/waddle-social/waddle/internal/lab/pvesh"
)

const (
	toolEnv = "WADDLE_LAB_TOOL"
	// toolDir is first in the PATH of the host's commands.
	toolDir     = "/run/.lab/bin"
	toolProgram = "/run/.lab/program" // the lab's own, whatever its path on the machine is
)

// tools are the programs of Proxmox VE that waddled runs on a host.
var tools = map[string]func(ctx context.Context, args []string) int{"pvesh": runPvesh, "qm": runQm}

// writeTools puts scripts of the tools' names on the host, which start the lab's own program.
func writeTools() error {
	if err := os.MkdirAll(toolDir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(toolProgram, nil, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("/proc/self/exe", toolProgram, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for name := range tools {
		script := fmt.Sprintf("#!/bin/sh\n%s=%s exec %s \"$@\"\n", toolEnv, name, toolProgram)
		if err := os.WriteFile(filepath.Join(toolDir, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// toolIfAsked turns the program into one of the tools when it was started as one.
func toolIfAsked() {
	run, known := tools[os.Getenv(toolEnv)]
	if !known {
		return
	}
	os.Exit(run(context.Background(), os.Args[1:]))
}

func runPvesh(ctx context.Context, args []string) int {
	return pvesh.Main(ctx, pvesh.Options{URL: proxmoxAPI, ServerName: ProxmoxNode, CAFile: proxmoxCAPath, PasswordFile: proxmoxPasswordPath}, args, os.Stdout, os.Stderr)
}

// runQm is `qm unlock ID`, which Proxmox VE lets no token do.
func runQm(ctx context.Context, args []string) int {
	if len(args) != 2 || args[0] != "unlock" {
		_, _ = fmt.Fprintln(os.Stderr, "the lab's qm knows only: qm unlock VMID")
		return 255
	}
	here := &Lab{Host: &Node{Name: nodeHost, netns: "/proc/thread-self/ns/net", root: "/"}}
	_, err := here.Proxmox(ctx, http.MethodPut, "/nodes/"+ProxmoxNode+"/qemu/"+args[1]+"/config", url.Values{"delete": {"lock"}, "skiplock": {"1"}})
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 255
	}
	return 0
}
