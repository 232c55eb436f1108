package confirm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/waddle-social/waddle/pkg/netfw"
)

// changeFile is the name of a change's rule file: its id and family.
var changeFile = regexp.MustCompile(`^rules-([a-z][a-z0-9-]*)\.(v4|v6|bridge)$`)

func changeName(id, suffix string) string { return "rules-" + id + "." + suffix }

func changeNames(id string) (names []string) {
	for _, k := range kinds {
		names = append(names, changeName(id, k.suffix))
	}
	return names
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// writeChange writes a change's rule files, all or none.
func (f *Firewall) writeChange(dir, id string, set netfw.RuleSet) (Sums, error) {
	sums := Sums{}
	for _, k := range kinds {
		text := render(set, k.family)
		if err := f.write(dir, changeName(id, k.suffix), text); err != nil {
			return nil, errors.Join(err, f.remove(dir, changeNames(id)...))
		}
		sums[k.suffix] = sum(text)
	}
	return sums, nil
}

// readChange reads a change's rule files and checks that they are as written.
func readChange(dir, id string, want Sums) (netfw.RuleSet, error) {
	var set netfw.RuleSet
	for _, k := range kinds {
		name := changeName(id, k.suffix)
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return set, err
		}
		if sum(text) != want[k.suffix] {
			return set, fmt.Errorf("%s is not as it was written", name)
		}
		if len(text) == 0 {
			continue
		}
		chains, err := netfw.ParseRules(k.family, text)
		if err != nil {
			return set, fmt.Errorf("%s: %w", name, err)
		}
		put(&set, k.family, chains)
	}
	return set, nil
}

// readBootFiles reads rules.v4, rules.v6 and rules.bridge: nil when none of them
// exists. The driver may have rewritten them, so there is no sum; closed says
// that they have to close the host, which a file that was cut off does not.
func (f *Firewall) readBootFiles(closed bool) (*netfw.RuleSet, error) {
	var set netfw.RuleSet
	found := false
	for _, k := range kinds {
		path := filepath.Join(f.dir, "rules."+k.suffix)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = true
		chains, err := parseBootFile(k.family, text, err)
		if err != nil {
			return nil, &DamagedError{Path: path, Err: err}
		}
		put(&set, k.family, chains)
	}
	if !found {
		return nil, nil
	}
	for _, k := range kinds {
		if closed && k.family != netfw.BridgePins && !closes(set.Of(k.family)) {
			return nil, &DamagedError{Path: filepath.Join(f.dir, "rules."+k.suffix), Err: errors.New("its INPUT chain is missing or does not end with a drop")}
		}
	}
	return &set, nil
}

// parseBootFile reads one of them. A file of pins that pins nothing says so in
// full, so that one that was cut off is none.
func parseBootFile(family netfw.Family, text []byte, err error) ([]netfw.Chain, error) {
	if err != nil {
		return nil, err
	}
	chains, err := netfw.ParseRules(family, text)
	if err == nil && len(chains) == 0 && family != netfw.BridgePins {
		err = errors.New("it has none of waddle's chains")
	}
	return chains, err
}

// writeBootFiles makes rules.v4, rules.v6 and rules.bridge say set.
func (f *Firewall) writeBootFiles(set netfw.RuleSet) error {
	for _, k := range kinds {
		name := "rules." + k.suffix
		text := render(set, k.family)
		var err error
		if len(text) > 0 {
			err = f.write(f.dir, name, text)
		} else {
			err = f.remove(f.dir, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
