package upstream

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/goccy/go-yaml"
)

// schematic is what the factory knows of a customization (siderolabs/image-factory, pkg/schematic).
type schematic struct {
	Overlay       *overlay      `yaml:"overlay,omitempty"`
	Customization customization `yaml:"customization"`
}

type overlay struct {
	Image   string         `yaml:"image"`
	Name    string         `yaml:"name"`
	Options map[string]any `yaml:"options,omitempty"`
}

type customization struct {
	ExtraKernelArgs  []string    `yaml:"extraKernelArgs,omitempty"`
	Meta             []meta      `yaml:"meta,omitempty"`
	SystemExtensions *extensions `yaml:"systemExtensions,omitempty"`
	SecureBoot       *secureBoot `yaml:"secureboot,omitempty"`
}

type meta struct {
	Key   uint8  `yaml:"key"`
	Value string `yaml:"value"`
}

type extensions struct {
	OfficialExtensions []string `yaml:"officialExtensions,omitempty"`
}

type secureBoot struct {
	IncludeWellKnownCertificates bool `yaml:"includeWellKnownCertificates,omitempty"`
}

// readSchematic reads YAML or JSON. An unknown field is an error.
func readSchematic(body []byte) (schematic, error) {
	var s schematic
	if err := yaml.NewDecoder(bytes.NewReader(body), yaml.DisallowUnknownField()).Decode(&s); err != nil {
		return s, fmt.Errorf("invalid schematic: %w", err)
	}
	return s, nil
}

// canonical is the text whose SHA-256 is the schematic's id: the lists stay in their order.
func (s schematic) canonical() ([]byte, error) {
	return yaml.MarshalWithOptions(s, yaml.Indent(4), yaml.IndentSequence(true))
}

func schematicID(canonical []byte) string { return fmt.Sprintf("%x", sha256.Sum256(canonical)) }
