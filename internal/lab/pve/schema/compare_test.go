package schema_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/waddle-social/waddle/internal/lab/pve/schema"
)

type published struct {
	Paths map[string]map[string]struct {
		AllowToken  bool `json:"allowToken"`
		Parameters  object
		Permissions *struct {
			Check any
			User  string
		}
	}
}

type object struct {
	Additional any                 `json:"additionalProperties"`
	Properties map[string]property `json:"properties"`
}

type property struct {
	Type, Pattern, Requires, Description, Alias, KeyAlias string
	Optional, Minimum, Maximum, MaxLength, MinLength      any
	DefaultKey                                            any `json:"default_key"`
	Enum                                                  []string
	Format                                                json.RawMessage
}

// schemaFile finds the published schema: WADDLE_PVE_SCHEMA, or a directory "shared" beside the checkout.
func schemaFile(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("WADDLE_PVE_SCHEMA"); path != "" {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "pve-api-schema.json")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	const absent = "the published API schema is not here: set WADDLE_PVE_SCHEMA, or put it into a directory shared beside the checkout"
	if os.Getenv("CI") != "" {
		t.Fatal(absent)
	}
	t.Skip(absent)
	return ""
}

func TestTheTablesSayWhatThePublishedSchemaSays(t *testing.T) {
	raw, err := os.ReadFile(schemaFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var pub published
	if err := json.Unmarshal(raw, &pub); err != nil {
		t.Fatal(err)
	}
	var diffs []string
	params := 0
	for _, e := range schema.Endpoints() {
		m, ok := pub.Paths[e.Path][e.Method]
		if !ok {
			diffs = append(diffs, e.Key()+" is not in the schema")
			continue
		}
		d := func(format string, args ...any) { diffs = append(diffs, e.Key()+" "+fmt.Sprintf(format, args...)) }
		if m.AllowToken == e.NoToken {
			d("allows tokens: schema %v", m.AllowToken)
		}
		if open := fmt.Sprint(m.Parameters.Additional) == "1"; open != e.Open {
			d("takes unknown parameters: schema %v, here %v", open, e.Open)
		}
		if want, got := rule(m.Permissions), e.Perm.Rule(); m.Permissions != nil && !reflect.DeepEqual(want, got) {
			d("permissions: schema %v, here %v", want, got)
		}
		params += compare("", m.Parameters.Properties, e.Params, d)
	}
	unexpected, meant := sortOut(diffs)
	t.Logf("%d calls and %d parameters compared with the schema: %d differences, of which %d are meant",
		len(schema.Endpoints()), params, len(diffs), meant)
	for _, diff := range unexpected {
		t.Error(diff)
	}
}

func sortOut(diffs []string) (unexpected []string, meant int) {
	used := map[string]bool{}
	for _, diff := range diffs {
		expected := false
		for prefix := range schema.Deliberate() {
			if strings.HasPrefix(diff, prefix) {
				expected, used[prefix] = true, true
			}
		}
		if !expected {
			unexpected = append(unexpected, diff)
		}
	}
	for prefix := range schema.Deliberate() {
		if !used[prefix] {
			unexpected = append(unexpected, fmt.Sprintf("deliberate difference %q does not exist any more", prefix))
		}
	}
	sort.Strings(unexpected)
	return unexpected, len(diffs) - len(unexpected)
}

func rule(p *struct {
	Check any
	User  string
}) any {
	if p == nil {
		return nil
	}
	if p.Check != nil {
		return p.Check
	}
	return p.User
}

func compare(prefix string, want map[string]property, got schema.Params, d func(string, ...any)) int {
	n := 0
	for name, w := range want {
		g, ok := got[name]
		if !ok {
			d("has no %s%s", prefix, name)
			continue
		}
		n++
		compareOne(prefix+name, w, g, d)
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			d("knows %s%s, the schema does not", prefix, name)
		}
	}
	return n
}

var countText = regexp.MustCompile(`n is 0 to (\d+)\)`)

func compareOne(name string, w property, g schema.Param, d func(string, ...any)) {
	differ := func(what string, want, got any) {
		if fmt.Sprint(want) != fmt.Sprint(got) {
			d("%s: %s: schema %v, here %v", name, what, want, got)
		}
	}
	differ("alias", w.Alias, g.Alias)
	differ("key alias", w.KeyAlias, g.KeyAlias)
	if w.Alias != "" {
		return
	}
	differ("type", w.Type, g.Type)
	differ("optional", yes(w.Optional), g.Optional)
	differ("default key", yes(w.DefaultKey), g.Default)
	differ("minimum", num(w.Minimum), ptr(g.Min))
	differ("maximum", num(w.Maximum), ptr(g.Max))
	differ("maxLength", num(w.MaxLength), count(g.MaxLen))
	differ("minLength", num(w.MinLength), count(g.MinLen))
	differ("requires", w.Requires, g.Requires)
	differ("pattern", perlish(w.Pattern), perlish(g.Pattern))
	if !slices.Equal(w.Enum, g.Enum) {
		a, b := slices.Clone(w.Enum), slices.Clone(g.Enum)
		slices.Sort(a)
		slices.Sort(b)
		differ("enum", a, b)
	}
	if m := countText.FindStringSubmatch(w.Description); m != nil && strings.HasSuffix(name, "[n]") {
		n, _ := strconv.Atoi(m[1])
		differ("count", n+1, schema.Count[strings.TrimSuffix(name, "[n]")])
	}
	var named string
	var sub map[string]property
	switch {
	case len(w.Format) == 0:
	case w.Format[0] == '"':
		_ = json.Unmarshal(w.Format, &named)
	default:
		if err := json.Unmarshal(w.Format, &sub); err != nil {
			d("%s: format cannot be read: %v", name, err)
		}
	}
	differ("format", named, g.Format)
	if sub != nil || g.Sub != nil {
		compare(name+".", sub, g.Sub, d)
	}
}

func yes(v any) bool { s := fmt.Sprint(v); return s == "1" || s == "true" }

func num(v any) string {
	if v == nil {
		return ""
	}
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func ptr(f *float64) string {
	if f == nil {
		return ""
	}
	return num(*f)
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// perlish reduces a pattern to what both dialects share: Perl's (?^:…) is a group, its ^ and $ are
// the anchors that the check adds anyway, and {,8} is {0,8}.
func perlish(p string) string {
	p = strings.NewReplacer("(?^:", "(", "(?:", "(", "{,", "{0,").Replace(p)
	for {
		before := p
		if strings.HasPrefix(p, "(") && strings.HasSuffix(p, ")") && closes(p) {
			p = p[1 : len(p)-1]
		}
		p = strings.TrimSuffix(strings.TrimPrefix(p, "^"), "$")
		if p == before {
			return p
		}
	}
}

// closes tells whether the first parenthesis is closed by the last.
func closes(p string) bool {
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 && i < len(p)-1 {
				return false
			}
		}
	}
	return true
}
