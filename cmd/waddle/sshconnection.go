package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sshConnection returns what sshd says of the connection that the caller came in
// by (ssh(1), SSH_CONNECTION), so that the daemon can refuse to cut it. sudo and
// su take the variable away, so the parents' environments are looked at too. An
// sshd that was not reached over the network says UNKNOWN: nothing can be cut.
func sshConnection(getenv func(string) string, proc string) string {
	if v := connectionSaid(getenv, proc); !strings.HasPrefix(v, "UNKNOWN ") {
		return v
	}
	return ""
}

func connectionSaid(getenv func(string) string, proc string) string {
	if v := getenv("SSH_CONNECTION"); v != "" {
		return v
	}
	pid := os.Getppid()
	for depth := 0; pid > 1 && depth < 32; depth++ {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		if v := environOf(dir, "SSH_CONNECTION"); v != "" {
			return v
		}
		pid = parentOf(dir)
	}
	return ""
}

// environOf reads a variable of another process; without the right to it, none.
func environOf(dir, name string) string {
	raw, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return ""
	}
	for _, entry := range bytes.Split(raw, []byte{0}) {
		if v, ok := strings.CutPrefix(string(entry), name+"="); ok {
			return v
		}
	}
	return ""
}

// parentOf reads the fourth field of proc_pid_stat(5). The second one, the name,
// may hold spaces and parentheses, so counting starts after the last one.
func parentOf(dir string) int {
	raw, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0
	}
	var state string
	var parent int
	after := raw[bytes.LastIndexByte(raw, ')')+1:]
	if _, err := fmt.Sscan(string(after), &state, &parent); err != nil {
		return 0
	}
	return parent
}
