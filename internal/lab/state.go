package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// state is what a finished Up leaves for Open, in lab.json.
type state struct {
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	HandTyped bool      `json:"handTyped"`
	Service   process   `json:"service"` // its mount and UTS namespaces are the host's
	Guests    int       `json:"guests"`  // the thread of it whose mount namespace the other nodes have
	Proxmox   process   `json:"proxmox"` // runs the simulator of Proxmox VE
}

func readState(lab string) (state, error) {
	var s state
	raw, err := os.ReadFile(stateFile(lab))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("cannot read %s: %w", stateFile(lab), err)
	}
	return s, nil
}

// writeJSON puts v into path in one go: the file is either the old or the new one.
func writeJSON(path string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// lock waits until nobody else is changing the lab. The lock is on the lab's
// directory itself, so that nothing is left when the lab is gone.
func lock(lab string) (unlock func(), err error) {
	dir := stateDir(lab)
	for {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		f, err := os.Open(dir)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("cannot lock %s: %w", dir, err)
		}
		if stillAt(f, dir) {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close() // a down took the directory away while we waited
	}
}

func stillAt(f *os.File, path string) bool {
	a, err1 := f.Stat()
	b, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// netnsNames lists the names under /run/netns that belong to the lab.
func netnsNames(lab string) ([]string, error) {
	entries, err := os.ReadDir(netnsRoot)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), netnsPrefix(lab)) {
			paths = append(paths, filepath.Join(netnsRoot, e.Name()))
		}
	}
	return paths, nil
}

// List returns the names of all labs that are there, whole or in pieces.
func List() ([]string, error) {
	found := map[string]bool{}
	var names []string
	add := func(name string) {
		if labName.MatchString(name) && !found[name] {
			found[name] = true
			names = append(names, name)
		}
	}
	dirs, err := os.ReadDir(stateRoot)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, d := range dirs {
		add(d.Name())
	}
	spaces, err := os.ReadDir(netnsRoot)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, ns := range spaces {
		rest, ours := strings.CutPrefix(ns.Name(), "waddle-")
		name, _, both := strings.Cut(rest, "-")
		if ours && both {
			add(name)
		}
	}
	return names, nil
}
