package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/waddle-social/waddle/pkg/iscsi"
)

// Restore is targetcli's own restore at boot. It would make targets a second
// time, from a file that goes stale, and its stop removes every target of the
// host.
type Restore struct {
	Enabled bool     // a boot starts it
	Links   []string // by which systemd starts it
	Saved   string   // the file that it restores; empty when there is none
	// Foreign is what that file has besides what waddle makes from its volumes.
	// As long as there is any, the restore is left on.
	Foreign []string
}

// The unit's names: Debian's, and the alias that is also other distributions'.
var restoreUnits = []string{"rtslib-fb-targetctl.service", "target.service"}

// The places of the file: Debian's, and rtslib's own.
var savedConfigs = []string{"/etc/rtslib-fb-target/saveconfig.json", "/etc/target/saveconfig.json"}

const systemdDir = "/etc/systemd/system"

// restoreAtBoot looks at what targetcli would restore.
func (b *Backend) restoreAtBoot() Restore {
	r := Restore{Links: b.restoreLinks()}
	r.Enabled = len(r.Links) > 0
	for _, path := range savedConfigs {
		text, err := os.ReadFile(b.m.at(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r.Saved = path
		if err != nil {
			r.Foreign = append(r.Foreign, fmt.Sprintf("%s, which cannot be read: %v", path, err))
			continue
		}
		r.Foreign = append(r.Foreign, b.foreignIn(path, text)...)
	}
	return r
}

// restoreLinks are the links by which a boot starts the unit, and its alias.
func (b *Backend) restoreLinks() []string {
	var found []string
	for _, unit := range restoreUnits {
		for _, pattern := range []string{"*.wants/" + unit, "*.requires/" + unit} {
			paths, err := filepath.Glob(filepath.Join(b.m.at(systemdDir), pattern))
			if err != nil {
				continue // the pattern is ours and well formed
			}
			for _, p := range paths {
				found = append(found, strings.TrimPrefix(p, strings.TrimSuffix(b.m.at("/"), "/")))
			}
		}
	}
	return found
}

// savedConfig is the part of rtslib's file that tells whose something is.
type savedConfig struct {
	Objects []struct {
		Name   string `json:"name"`
		Plugin string `json:"plugin"`
		Dev    string `json:"dev"`
	} `json:"storage_objects"`
	Targets []struct {
		WWN    string `json:"wwn"`
		Fabric string `json:"fabric"`
	} `json:"targets"`
	Fabrics []struct {
		Name string `json:"name"`
		Auth bool   `json:"discovery_enable_auth"`
	} `json:"fabric_modules"`
}

// foreignIn names what a saved configuration has that is not ours.
func (b *Backend) foreignIn(path string, text []byte) []string {
	var c savedConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return []string{fmt.Sprintf("%s, which is not the JSON that targetcli writes: %v", path, err)}
	}
	var foreign []string
	folder := filepath.Join(b.m.dev(), "zvol", b.zfs.Root().String()) + "/"
	for _, o := range c.Objects {
		if o.Plugin != "block" || !strings.HasPrefix(filepath.Clean(o.Dev), folder) {
			foreign = append(foreign, fmt.Sprintf("backstore %s (%s %s)", short(o.Name), short(o.Plugin), short(o.Dev)))
		}
	}
	for _, t := range c.Targets {
		if i, err := iscsi.ParseIQN(t.WWN); t.Fabric != "iscsi" || err != nil || !b.iscsi.Base().Owns(i) {
			foreign = append(foreign, fmt.Sprintf("target %s (%s)", short(t.WWN), short(t.Fabric)))
		}
	}
	for _, f := range c.Fabrics {
		if f.Auth {
			foreign = append(foreign, "discovery authentication of "+short(f.Name))
		}
	}
	return foreign
}

// switchOffRestore removes the links when what is saved is ours alone, and says
// why not otherwise. The unit itself is not stopped: its stop would remove every
// target, ours too.
func (b *Backend) switchOffRestore() (warnings []string, err error) {
	r := b.restoreAtBoot()
	if !r.Enabled {
		return nil, nil
	}
	if len(r.Foreign) > 0 {
		return []string{r.warning()}, nil
	}
	for _, link := range r.Links {
		if err := b.m.seam("storage:remove " + link); err != nil {
			return nil, err
		}
		if err := os.Remove(b.m.at(link)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot switch off targetcli's restore at boot: %w", err)
		}
	}
	return nil, nil
}

func (r Restore) warning() string {
	return fmt.Sprintf("targetcli's restore at boot (%s) stays on, because %s has %s: move that away with targetcli and saveconfig, then apply again. Until then stopping or restarting that unit removes all targets; they are made again within the reconcile interval",
		filepath.Base(r.Links[0]), r.Saved, strings.Join(r.Foreign, ", "))
}
