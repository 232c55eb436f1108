package hostfacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// authorizedKeys returns the lines of root's authorized_keys that are keys of
// people. Proxmox VE writes the node's own key in there too, for its cluster;
// that one is left out.
func (h *Host) authorizedKeys() ([]string, error) {
	raw, err := os.ReadFile(filepath.Join(h.roots.Root, ".ssh/authorized_keys"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read root's authorized SSH keys: %w", err)
	}
	own, err := h.ownKeys()
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || containsAny(line, own) {
			continue
		}
		keys = append(keys, line)
	}
	return keys, nil
}

// ownKeys returns the base64 part of root's own public keys.
func (h *Host) ownKeys() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(h.roots.Root, ".ssh/*.pub"))
	if err != nil {
		return nil, fmt.Errorf("cannot look for root's own SSH keys: %w", err)
	}
	var own []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("cannot read root's own SSH key: %w", err)
		}
		if words := strings.Fields(string(raw)); len(words) > 1 {
			own = append(own, words[1])
		}
	}
	return own, nil
}

func containsAny(line string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(line, p) {
			return true
		}
	}
	return false
}
