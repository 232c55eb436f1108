package vms

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// published is the schema of Proxmox VE's API as its own viewer publishes it.
type published struct {
	Paths map[string]map[string]struct {
		AllowToken any `json:"allowtoken"`
		Parameters struct {
			Additional any                      `json:"additionalProperties"`
			Properties map[string]publishedType `json:"properties"`
		} `json:"parameters"`
	} `json:"paths"`
}

type publishedType struct {
	Type, Pattern              string
	Optional, Minimum, Maximum any
	MaxLength                  any
	Enum                       []string
}

var schema = sync.OnceValues(func() (*published, error) {
	path := schemaPath()
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var p published
	return &p, json.Unmarshal(raw, &p)
})

// schemaPath finds the schema: WADDLE_PVE_SCHEMA, or a directory "shared" beside the checkout.
func schemaPath() string {
	if path := os.Getenv("WADDLE_PVE_SCHEMA"); path != "" {
		return path
	}
	for dir, _ := os.Getwd(); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "pve-api-schema.json")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// checkRequests holds what a driver has sent against the published schema, where that
// is here. The simulator checks the same against its own tables.
func checkRequests(t testing.TB, all []sent) {
	t.Helper()
	p, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return
	}
	for _, s := range all {
		for _, fault := range p.faults(s) {
			t.Errorf("%s %s: %s", s.method, s.path, fault)
		}
	}
}

func (p *published) faults(s sent) []string {
	template, vars := p.find(s.path)
	call, known := p.Paths[template][s.method]
	if !known {
		return []string{"the schema has no such call"}
	}
	var faults []string
	if fmt.Sprint(call.AllowToken) == "0" {
		faults = append(faults, "no token may send it")
	}
	given := map[string]any{}
	for name, value := range vars {
		given[name] = value
	}
	for name, value := range s.params {
		given[name] = value
	}
	for name, value := range given {
		typ, known := call.Parameters.Properties[indexed(call.Parameters.Properties, name)]
		if !known {
			faults = append(faults, "the schema has no parameter "+name)
			continue
		}
		if fault := typ.fault(value); fault != "" {
			faults = append(faults, name+" "+fault)
		}
	}
	for name, typ := range call.Parameters.Properties {
		if _, there := given[name]; !there && fmt.Sprint(typ.Optional) != "1" && !strings.Contains(name, "[n]") {
			faults = append(faults, "the parameter "+name+" is missing")
		}
	}
	return faults
}

// indexed is how the schema names a parameter: net[n] for net0.
func indexed(properties map[string]publishedType, name string) string {
	if _, there := properties[name]; there {
		return name
	}
	return strings.TrimRight(name, "0123456789") + "[n]"
}

func (p *published) find(path string) (string, map[string]string) {
	parts := strings.Split(path, "/")
	for template := range p.Paths {
		want := strings.Split(template, "/")
		if len(want) != len(parts) {
			continue
		}
		vars := map[string]string{}
		fits := true
		for i, w := range want {
			if strings.HasPrefix(w, "{") && parts[i] != "" {
				vars[strings.Trim(w, "{}")], _ = url.PathUnescape(parts[i])
			} else if w != parts[i] {
				fits = false
			}
		}
		_, exact := p.Paths[path]
		if fits && (!exact || template == path) {
			return template, vars
		}
	}
	return "", nil
}

func (typ publishedType) fault(value any) string {
	text := fmt.Sprint(value)
	if f, is := value.(float64); is {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, err := strconv.ParseFloat(text, 64)
	limit := func(v any) (float64, bool) {
		x, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		return x, v != nil && err == nil
	}
	switch typ.Type {
	case "integer", "number":
		if err != nil {
			return "is no number: " + text
		}
		if least, set := limit(typ.Minimum); set && n < least {
			return "is too small: " + text
		}
		if most, set := limit(typ.Maximum); set && n > most {
			return "is too large: " + text
		}
	case "boolean":
		if text != "0" && text != "1" {
			return "is no boolean: " + text
		}
	case "string":
		if most, set := limit(typ.MaxLength); set && float64(len(text)) > most {
			return "is too long"
		}
		if len(typ.Enum) > 0 && !slices.Contains(typ.Enum, text) {
			return "is none of the schema's words: " + text
		}
		if typ.Pattern != "" && strings.HasPrefix(typ.Pattern, "(?^") == false {
			if re, err := regexp.Compile(`^(?:` + typ.Pattern + `)$`); err == nil && !re.MatchString(text) {
				return "does not match " + typ.Pattern + ": " + text
			}
		}
	}
	return ""
}

func TestTheCheckOfRequestsRefusesWhatTheSchemaDoesNotKnow(t *testing.T) {
	p, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		const absent = "the published API schema is not here: set WADDLE_PVE_SCHEMA, or put it into a directory shared beside the checkout"
		if os.Getenv("CI") != "" {
			t.Fatal(absent)
		}
		t.Skip(absent)
	}
	for want, s := range map[string]sent{
		"":                                  {method: "PUT", path: "/nodes/pve/qemu/110/resize", params: map[string]any{"disk": "scsi0", "size": "10G"}},
		"the schema has no such call":       {method: "PATCH", path: "/nodes/pve/qemu/110/resize"},
		"the parameter size is missing":     {method: "PUT", path: "/nodes/pve/qemu/110/resize", params: map[string]any{"disk": "scsi0"}},
		"the schema has no parameter x":     {method: "PUT", path: "/nodes/pve/qemu/110/resize", params: map[string]any{"disk": "scsi0", "size": "10G", "x": 1}},
		"vmid is no number: cp":             {method: "GET", path: "/nodes/pve/qemu/cp/config"},
		"purge is no boolean: yes":          {method: "DELETE", path: "/nodes/pve/qemu/110", params: map[string]any{"purge": "yes"}},
		"vmid is too small: 99":             {method: "GET", path: "/nodes/pve/qemu/99/config"},
		"the schema has no parameter nets3": {method: "POST", path: "/nodes/pve/qemu", params: map[string]any{"vmid": 110, "nets3": "virtio"}},
	} {
		got := strings.Join(p.faults(s), "; ")
		if got != want {
			t.Errorf("%s %s %v: %q, want %q", s.method, s.path, s.params, got, want)
		}
	}
}
