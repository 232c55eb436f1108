package hostfacts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

// storage is one section of /etc/pve/storage.cfg.
type storage struct {
	Name, Type string
	Options    map[string]string
}

// storages parses /etc/pve/storage.cfg: a section is a line "type: name" at the
// left edge, followed by indented "option value" lines; an option without a
// value is a flag ("disable"), a line with # a comment (pvesm(1), Storage
// Configuration). A host that is no Proxmox host has none.
func (h *Host) storages() ([]storage, error) {
	raw, err := os.ReadFile(filepath.Join(h.roots.Etc, "pve/storage.cfg"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the Proxmox storages: %w", err)
	}
	return parseStorages(string(raw))
}

func parseStorages(text string) ([]storage, error) {
	var all []storage
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case line[0] != ' ' && line[0] != '\t':
			kind, name, ok := strings.Cut(trimmed, ":")
			if !ok {
				return nil, fmt.Errorf("cannot read the Proxmox storages: storage.cfg:%d: %q is no section header (type: name)", i+1, trimmed)
			}
			all = append(all, storage{Name: strings.TrimSpace(name), Type: strings.TrimSpace(kind), Options: map[string]string{}})
		case len(all) == 0:
			return nil, fmt.Errorf("cannot read the Proxmox storages: storage.cfg:%d: an option stands before the first section", i+1)
		default:
			key, value, _ := strings.Cut(trimmed, " ")
			all[len(all)-1].Options[key] = strings.TrimSpace(value)
		}
	}
	return all, nil
}

// content returns what the storage takes: "images", "import", "iso", ….
func (s storage) content() []string {
	var out []string
	for _, c := range strings.Split(s.Options["content"], ",") {
		if c = strings.TrimSpace(c); c != "" && c != "none" {
			out = append(out, c)
		}
	}
	return out
}

// fact is what the platform document needs to know of the storage.
func (s storage) fact() platform.StorageFact {
	f := platform.StorageFact{Name: s.Name, Type: s.Type, Content: s.content()}
	if s.Type == "zfspool" {
		f.Dataset = s.Options["pool"]
	}
	return f
}

// usable reports whether the storage is switched on and meant for this node.
func (s storage) usable(node string) bool {
	if v, off := s.Options["disable"]; off && v != "0" {
		return false
	}
	nodes, limited := s.Options["nodes"]
	if !limited {
		return true
	}
	for _, n := range strings.FieldsFunc(nodes, func(r rune) bool { return r == ',' || r == ' ' }) {
		if n == node {
			return true
		}
	}
	return false
}

// StoragePath is where the files of a storage are on the host, as the storage.cfg in
// file says: its path, or for one that is mounted the place where Proxmox mounts it.
func StoragePath(file, id string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot find the files of storage %s: %w", id, err)
	}
	all, err := parseStorages(string(raw))
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Name != id {
			continue
		}
		if path := s.Options["path"]; path != "" {
			return path, nil
		}
		switch s.Type {
		case "nfs", "cifs", "cephfs", "glusterfs":
			return "/mnt/pve/" + id, nil
		}
		return "", fmt.Errorf("cannot find the files of storage %s: a storage of the type %s has none", id, s.Type)
	}
	return "", fmt.Errorf("cannot find the files of storage %s: %s does not have it", id, file)
}
