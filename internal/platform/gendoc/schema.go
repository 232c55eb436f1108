package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/waddle-social/waddle/internal/platform"
)

// schemaOf builds the JSON Schema from the reference.
func schemaOf(words map[string]string) ([]byte, error) {
	root := mapping()
	root.Version = jsonschema.Version
	root.ID = "https://waddle.social/schemas/platform.v1alpha1.json"
	root.Title = "Platform"
	root.Description = words["Platform"]
	at, optional := map[string]*jsonschema.Schema{"": root}, map[string]bool{}
	for _, e := range platform.Entries() {
		up, key := cut(e.Path)
		s := describe(e, words)
		at[up].Properties.Set(key, s)
		at[e.Path] = s
		if s.Items != nil {
			at[e.Path+"[]"] = s.Items
		}
		optional[e.Path] = e.Optional
		if e.Required {
			require(at, e.Path, optional)
		}
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write the schema: %w", err)
	}
	return append(bytes.ReplaceAll(out, []byte(`\u003c`), []byte("<")), '\n'), nil
}

func mapping() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
}

// cut splits a path into what the key lies in and the key.
func cut(path string) (up, key string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

// require makes the key and everything that it lies in required, up to a list's
// element or a mapping that may be absent.
func require(at map[string]*jsonschema.Schema, path string, optional map[string]bool) {
	for path != "" && !strings.HasSuffix(path, "[]") && !optional[path] {
		up, key := cut(path)
		if s := at[up]; !slices.Contains(s.Required, key) {
			s.Required = append(s.Required, key)
		}
		path = up
	}
}

func describe(e platform.Entry, words map[string]string) *jsonschema.Schema {
	s := shape(e, e.Shape)
	s.Description = words[e.Table+"."+e.Field]
	s.Default = e.Default
	if e.Shape == platform.Text && e.Enum == nil || e.Shape == platform.Number {
		s.Description += " Allowed: " + e.Allowed + "."
	}
	return s
}

func shape(e platform.Entry, kind platform.Shape) *jsonschema.Schema {
	switch kind {
	case platform.Mapping:
		return mapping()
	case platform.List:
		one := uint64(1)
		return &jsonschema.Schema{Type: "array", MinItems: &one, Items: shape(e, e.Element)}
	case platform.Number:
		return &jsonschema.Schema{Type: "integer", Minimum: number(e.Min), Maximum: number(e.Max)}
	}
	s := &jsonschema.Schema{Type: "string", Pattern: e.Pattern}
	for _, v := range e.Enum {
		s.Enum = append(s.Enum, v)
	}
	if e.Max > 0 {
		longest := uint64(e.Max)
		s.MaxLength = &longest
	}
	return s
}

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }
