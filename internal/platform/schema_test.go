package platform_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/waddle-social/waddle/internal/platform"
	"github.com/waddle-social/waddle/internal/platform/platformtest"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(platform.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("platform.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("platform.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is what an editor's language server sees of a YAML text.
func asJSON(data []byte) (any, error) {
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(raw))
}

func TestTheSchemaAcceptsWhatParseAccepts(t *testing.T) {
	schema := compiledSchema(t)
	drawn := platformtest.Valid(parseExample(t))
	rapid.Check(t, func(t *rapid.T) {
		p := drawn.Draw(t, "platform")
		data := marshal(t, p.WithDefaults())
		if rapid.Bool().Draw(t, "short") {
			data = marshal(t, platform.Minimal(p))
		}
		tree, err := asJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(tree); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
	})
}

// What only looking at two values together can tell is beyond a schema. What is
// wrong by itself, an editor has to show.
func TestTheSchemaRefusesWhatIsWrongByItself(t *testing.T) {
	schema := compiledSchema(t)
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, want, _ := strings.Cut(string(raw), separator)
		tree, err := asJSON([]byte(input))
		if err != nil {
			continue
		}
		bad := schema.Validate(tree) != nil
		if bad {
			refused++
		}
		for _, sign := range []string{"is not a key here", "is missing", "is not a DNS", "is not known here", "not a list", "not a mapping", "is out of range; allowed: a whole number", "is an empty list"} {
			if strings.Contains(want, sign) && !bad {
				t.Errorf("%s: the schema accepts it", filepath.Base(file))
			}
		}
	}
	t.Logf("the schema refuses %d of %d bad documents", refused, len(files))
	if refused < 60 {
		t.Errorf("the schema refuses only %d", refused)
	}
}

func TestTheSchemaCompletesAndExplains(t *testing.T) {
	var s struct {
		Properties map[string]struct {
			Properties map[string]struct {
				Description string
				Properties  map[string]struct {
					Description string
					Default     any
					Enum        []string
				}
			}
		}
	}
	if err := json.Unmarshal(platform.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	spec := s.Properties["spec"].Properties
	if len(spec) != 15 {
		t.Errorf("spec has %d tables", len(spec))
	}
	for name, table := range spec {
		if table.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for key, p := range table.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
	lock := spec["lockdown"].Properties["internal"]
	if lock.Default != "zones" || strings.Join(lock.Enum, " ") != "zones open" {
		t.Errorf("lockdown.internal is %+v", lock)
	}
}
