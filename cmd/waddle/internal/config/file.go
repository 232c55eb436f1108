package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/google/renameio/v2"
)

// File is the configuration file.
type File struct {
	// Current is the context that is used when nothing else names one.
	Current string `yaml:"current,omitempty" json:"current,omitempty"`
	// Contexts are the daemons that this user knows, by name.
	Contexts map[string]Context `yaml:"contexts,omitempty" json:"contexts,omitempty"`
}

// Context is how one daemon is reached.
type Context struct {
	Server    string `yaml:"server" json:"server"`                           // unix:///path or https://host:port
	TokenFile string `yaml:"tokenFile,omitempty" json:"tokenFile,omitempty"` // a file that holds the token alone
	Token     string `yaml:"token,omitempty" json:"-"`                       // the token itself; the file must then be 0600
	CAFile    string `yaml:"caFile,omitempty" json:"caFile,omitempty"`       // PEM; the system's roots when empty
}

// Path returns where the configuration file is: WADDLE_CONFIG, or
// waddle/config.yaml in the user's configuration directory.
func Path(getenv func(string) string) (string, error) {
	if p := getenv("WADDLE_CONFIG"); p != "" {
		return p, nil
	}
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "waddle", "config.yaml"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "waddle", "config.yaml"), nil
	}
	return "", errors.New("cannot tell where the configuration file is: neither WADDLE_CONFIG nor HOME is set")
}

// Load reads the file at path. One that is not there is an empty one. A file
// with a token in it that others may read is refused.
func Load(path string) (*File, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	f := &File{}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(f); err != nil {
			// Without the source line: it may hold a token.
			return nil, fmt.Errorf("cannot read the configuration: %s: %s", path, yaml.FormatError(err, false, false))
		}
	}
	return f, f.checkMode(path)
}

func (f *File) checkMode(path string) error {
	for name, c := range f.Contexts {
		if c.Token == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("cannot read the configuration: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return fmt.Errorf("refuse the configuration: %s holds the token of context %q and has mode %04o: run chmod 600 %s", path, name, mode, path)
		}
	}
	return nil
}

// Save writes f to path, readable by its owner alone, in one piece.
func (f *File) Save(path string) error {
	raw, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	if err := renameio.WriteFile(path, raw, 0o600, renameio.IgnoreUmask()); err != nil {
		return fmt.Errorf("cannot write the configuration: %w", err)
	}
	return nil
}
